// A whole session in memory: the input says what a client sends, well formed or not, in which pieces it
// comes, and in which order and with what a server of requests answers.
#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/sftp/engine.h"
#include "tests/fuzz/require.h"

namespace {

using namespace chancery::sftp;
using Bytes = std::vector<std::uint8_t>;

constexpr Limits kLimits{.handles = 4, .requests = 8, .held_bytes = 64 * 1024};

// Reads choices from the input; 0 at its end.
class Input {
 public:
  explicit Input(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  std::uint8_t next() {
    if (bytes_.empty()) return 0;
    const std::uint8_t value = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return value;
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

std::uint64_t number_at(const Bytes& bytes, std::size_t at, int count) {
  std::uint64_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8 | bytes.at(at + static_cast<std::size_t>(i));
  return value;
}

// Requests by their fields: p a path, h a handle, o an offset, n a number, d data, a attributes, s the list
// of hashes. A name is an extended request's.
struct Shape {
  int type;
  std::string_view name, fields;
};
constexpr std::array kShapes = {
    Shape{3, "", "pna"},
    Shape{4, "", "h"},
    Shape{5, "", "hon"},
    Shape{6, "", "hod"},
    Shape{7, "", "p"},
    Shape{8, "", "h"},
    Shape{9, "", "pa"},
    Shape{10, "", "ha"},
    Shape{11, "", "p"},
    Shape{12, "", "h"},
    Shape{13, "", "p"},
    Shape{14, "", "pa"},
    Shape{15, "", "p"},
    Shape{16, "", "p"},
    Shape{17, "", "p"},
    Shape{18, "", "pp"},
    Shape{19, "", "p"},
    Shape{20, "", "pp"},
    Shape{99, "", "n"},
    Shape{1, "", ""},
    Shape{200, "posix-rename@openssh.com", "pp"},
    Shape{200, "statvfs@openssh.com", "p"},
    Shape{200, "fstatvfs@openssh.com", "h"},
    Shape{200, "fsync@openssh.com", "h"},
    Shape{200, "limits@openssh.com", ""},
    Shape{200, "expand-path@openssh.com", "p"},
    Shape{200, "home-directory", "p"},
    Shape{200, "lsetstat@openssh.com", "pa"},
    Shape{200, "check-file", "hsoon"},
    Shape{200, "check-file-handle", "hsoon"},
    Shape{200, "check-file-name", "psoon"},
    Shape{200, "hardlink@openssh.com", "pp"},
};

void put(Bytes& out, std::uint64_t value, int count) {
  for (int shift = 8 * (count - 1); shift >= 0; shift -= 8)
    out.push_back(static_cast<std::uint8_t>(value >> shift));
}

void put_text(Bytes& out, std::string_view text) {
  put(out, text.size(), 4);
  out.insert(out.end(), text.begin(), text.end());
}

// Appends a request to what the client sends. Its handles are of the first 16 that can be.
void put_request(Bytes& wire, Input& input) {
  constexpr std::array<std::string_view, 4> kPaths = {"/", "/a", "/b/../c", ""};
  const Shape& shape = kShapes.at(input.next() % kShapes.size());
  Bytes body;
  body.push_back(static_cast<std::uint8_t>(shape.type));
  put(body, input.next() % 4, 4);
  if (!shape.name.empty()) put_text(body, shape.name);
  for (const char field : shape.fields) {
    if (field == 'p') put_text(body, kPaths.at(input.next() % kPaths.size()));
    if (field == 's') put_text(body, input.next() % 4 == 0 ? "md5" : "md5,sha256");
    if (field == 'n') put(body, input.next(), 4);
    if (field == 'o') put(body, std::uint64_t{input.next()} << (input.next() % 64), 8);
    if (field == 'a') put(body, 0, 4);
    if (field == 'd') put_text(body, std::string(std::size_t{input.next()} * 64, 'd'));
    if (field == 'h') {
      put(body, 8, 4);
      put(body, input.next() % 16, 8);
    }
  }
  put(wire, body.size(), 4);
  wire.insert(wire.end(), body.begin(), body.end());
}

// What a server that is right would answer.
Reply fitting(const Request& request, Input& input) {
  if (std::holds_alternative<Open>(request.operation)) return OpenedReply{};
  if (std::holds_alternative<OpenDirectory>(request.operation)) return OpenedReply{true};
  if (std::holds_alternative<Stat>(request.operation)) return AttributesReply{Attributes{.size = 5}};
  if (std::holds_alternative<RealPath>(request.operation)) return NamesReply{{{"/", "/", {}}}};
  if (std::holds_alternative<StatFileSystem>(request.operation)) return FileSystemReply{};
  if (std::holds_alternative<CheckFile>(request.operation)) return DigestReply{};
  if (const auto* read = std::get_if<Read>(&request.operation))
    return DataReply{Bytes(std::min<std::size_t>(read->length, input.next()))};
  if (std::holds_alternative<ReadDirectory>(request.operation))
    return NamesReply{std::vector<NamedFile>(input.next(), NamedFile{std::string(250, 'n'), "long", {}})};
  return StatusReply{};
}

Reply any(Input& input) {
  const std::uint8_t choice = input.next();
  switch (choice % 8) {
    case 0:
      return StatusReply{static_cast<Status>(choice / 8), std::string(choice, 'm')};
    case 1:
      return OpenedReply{(choice & 8) != 0};
    case 2:
      return DataReply{Bytes(std::size_t{choice} * 2000)};
    case 3:
      return NamesReply{std::vector<NamedFile>(choice, NamedFile{std::string(200, 'n'), "long", {}})};
    case 4:
      return AttributesReply{};
    case 5:
      return FileSystemReply{};
    case 6:
      return DigestReply{};
    default:
      return NamesReply{{{"one", "one", {}}}};
  }
}

// The answers besides STATUS that a request of this type may have.
bool answers(std::uint8_t request, std::uint8_t answer) {
  if (answer == 101) return true;
  if (request == 200) return answer == 201 || answer == 104;
  if (answer == 102) return request == 3 || request == 11;
  if (answer == 103) return request == 5;
  if (answer == 104) return request == 12 || request == 16 || request == 19;
  return answer == 105 && (request == 7 || request == 8 || request == 17);
}

struct Session {
  Engine engine{kLimits, [this](Request request) { asked(std::move(request)); }};
  std::vector<Request> waiting;
  std::size_t waiting_bytes = 0;
  std::set<HandleId> open;
  std::uint64_t last = 0;
  Bytes wire, consumed, output;

  static std::size_t bytes_of(const Request& request) {
    const auto* write = std::get_if<Write>(&request.operation);
    return write == nullptr ? 0 : write->data.size();
  }

  void asked(Request request) {
    require(request.id > last);
    last = request.id;
    std::visit(
        [&](const auto& operation) {
          if constexpr (requires { operation.handle; })
            require(operation.handle == 0 || open.contains(operation.handle));
        },
        request.operation);
    if (const auto* close = std::get_if<Close>(&request.operation)) open.erase(close->handle);
    waiting_bytes += bytes_of(request);
    waiting.push_back(std::move(request));
  }

  void answer(Input& input, bool right) {
    if (waiting.empty()) return;
    const auto chosen = waiting.begin() + static_cast<std::ptrdiff_t>(input.next() % waiting.size());
    const Request request = std::move(*chosen);
    waiting.erase(chosen);
    waiting_bytes -= bytes_of(request);
    const bool opens = std::holds_alternative<Open>(request.operation) ||
                       std::holds_alternative<OpenDirectory>(request.operation);
    Reply reply = right ? fitting(request, input) : any(input);
    if (opens && std::holds_alternative<OpenedReply>(reply)) open.insert(Engine::handle_for(request.id));
    engine.reply(request.id, std::move(reply));
  }

  // Answers how much was consumed.
  std::size_t feed(std::size_t most) {
    const std::size_t size = std::min(most, wire.size());
    const std::size_t used = engine.feed(std::span(wire).first(size));
    require(used <= size);
    if (engine.broken()) require(used == size);
    consumed.insert(consumed.end(), wire.begin(), wire.begin() + static_cast<std::ptrdiff_t>(used));
    wire.erase(wire.begin(), wire.begin() + static_cast<std::ptrdiff_t>(used));
    return used;
  }

  void take() {
    const Bytes taken = engine.take_output();
    output.insert(output.end(), taken.begin(), taken.end());
  }

  void check_bounds() const {
    require(engine.unanswered() == waiting.size() && waiting.size() <= kLimits.requests);
    const auto handles = engine.open_handles();
    require(std::set<HandleId>(handles.begin(), handles.end()) == open && open.size() <= kLimits.handles);
    // A reply of this server's is of 510,000 bytes at most, cut to a READ's length or to one packet of names.
    require(waiting_bytes <= kLimits.held_bytes + kLimits.packet_bytes);
    require(engine.output_bytes() <= kLimits.held_bytes + (kLimits.requests + 1) * std::size_t{64} * 1024);
  }

  // What the client sent, read again: the types of its requests by their ids, and whether it broke the rules.
  std::multimap<std::uint64_t, std::uint8_t> requests() const {
    std::multimap<std::uint64_t, std::uint8_t> found;
    bool greeted = false, broken = false;
    for (std::size_t at = 0; !broken && consumed.size() - at >= 4;) {
      const std::uint64_t length = number_at(consumed, at, 4);
      broken = length < 5 || length > kLimits.packet_bytes;
      if (broken || consumed.size() - at - 4 < length) break;
      const std::uint8_t type = consumed[at + 4];
      broken = (type == 1) == greeted;
      greeted = greeted || type == 1;
      if (!broken && type != 1) found.emplace(number_at(consumed, at + 5, 4), type);
      at += 4 + static_cast<std::size_t>(length);
    }
    require(broken == engine.broken());
    return found;
  }

  // The output is whole packets, and answers each request once. Ids may repeat, so answers that fit few
  // requests are matched first.
  void check_output() const {
    auto unanswered = requests();
    std::map<std::uint8_t, std::vector<std::uint64_t>, std::greater<>> replies;  // type -> ids
    for (std::size_t at = 0; at < output.size();) {
      require(output.size() - at >= 9);
      const std::uint64_t length = number_at(output, at, 4);
      require(length >= 5 && length <= kLimits.packet_bytes && length <= output.size() - at - 4);
      if (output[at + 4] == 2)
        require(at == 0);
      else
        replies[output[at + 4]].push_back(number_at(output, at + 5, 4));
      at += 4 + static_cast<std::size_t>(length);
    }
    for (const auto& [type, ids] : replies) {
      for (const std::uint64_t id : ids) {
        auto [request, end] = unanswered.equal_range(id);
        while (request != end && !answers(request->second, type)) ++request;
        require(request != end);
        unanswered.erase(request);
      }
    }
    require(unanswered.empty());
  }
};

}  // namespace

// Whatever a client sends and in whatever order it is answered: each request is answered once, the output is
// whole packets, handles are those that were given out, and what is held is bounded.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input({data, size});
  Session session;
  if (input.next() != 0) session.wire = {0, 0, 0, 5, 1, 0, 0, 0, 3};
  while (!input.empty() && session.output.size() < std::size_t{1} << 20) {
    const std::uint8_t step = input.next() % 8;
    if (step < 3) put_request(session.wire, input);
    if (step == 3)
      for (int count = input.next() % 32; count > 0; --count) session.wire.push_back(input.next());
    if (step == 4 && !session.wire.empty()) session.wire[input.next() % session.wire.size()] ^= input.next();
    if (step == 5 || step == 6) session.answer(input, step == 5);
    if (step == 7) session.take();
    if (step < 4) session.feed(input.next() == 0 ? session.wire.size() : std::size_t{1} + input.next());
    session.check_bounds();
  }
  do {
    session.take();
    session.answer(input, true);
  } while (session.feed(session.wire.size()) > 0 || !session.waiting.empty());
  require(session.wire.empty());
  session.take();
  session.check_bounds();
  session.check_output();
  return 0;
}
