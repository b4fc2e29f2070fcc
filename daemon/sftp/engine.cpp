#include "daemon/sftp/engine.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <deque>
#include <exception>
#include <limits>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "daemon/sftp/verbs.h"
#include "daemon/sftp/wire.h"

namespace chancery::sftp {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint32_t kProtocol = 3;
constexpr std::size_t kLengthBytes = 4;
// Section 3: what every client must be able to take. Names are not worth longer packets.
constexpr std::size_t kNamesBytes = 34000;
// A DATA up to its data: length, type, id, length of data.
constexpr std::size_t kDataHead = kLengthBytes + 1 + 4 + 4;
// A WRITE up to its data: type, id, handle, offset, length of data.
constexpr std::size_t kWriteHead = 1 + 4 + 4 + kHandleBytes + 8 + 4;
// What a packet may hold besides the data of a WRITE or of a reply to READ.
constexpr std::uint32_t kOverhead = 1024;

constexpr std::array kSentences = {
    "Done.",
    "End of file.",
    "There is no such file or folder here.",
    "This is not allowed here. README.txt says what can be done here.",
    "This could not be done. Try again later; if it fails again, tell whoever runs this server.",
    "The request is malformed: update the client program, or use another.",
    "There is no connection. Connect again.",
    "The connection was lost. Connect again.",
    "This server does not offer that. Its README.txt says what can be done here.",
};

constexpr const char* kTooLong = "No file can be that long: the offset is beyond 2^63 bytes.";

std::uint32_t number_at(Bytes bytes, std::size_t at) {
  return static_cast<std::uint32_t>(bytes[at]) << 24 | static_cast<std::uint32_t>(bytes[at + 1]) << 16 |
         static_cast<std::uint32_t>(bytes[at + 2]) << 8 | static_cast<std::uint32_t>(bytes[at + 3]);
}

struct Handle {
  bool directory = false;
  std::uint32_t flags = 0;      // of the OPEN
  std::deque<NamedFile> names;  // answered by `serve`, not sent yet
};

struct Unanswered {
  std::uint32_t client_id = 0;
  Answers answers = Answers::status;
  HandleId handle = 0;
  std::uint32_t flags = 0;   // of an OPEN
  std::uint32_t length = 0;  // of a READ
  std::size_t held = 0;
};

// Why a handle does not do for a request, or nullptr.
const char* unfit(Needs needs, const Handle* handle) {
  if (needs == Needs::nothing) return nullptr;
  if (handle == nullptr) return "This handle is not open: open the file or folder again.";
  if (needs == Needs::handle) return nullptr;
  if (handle->directory != (needs == Needs::directory))
    return handle->directory ? "This is a folder, not a file: list it."
                             : "This is a file, not a folder: read it.";
  if (needs == Needs::readable_file && !(handle->flags & kRead))
    return "The file is not open for reading: open it again to read it.";
  if (needs == Needs::writable_file && !(handle->flags & (kWrite | kAppend)))
    return "The file is not open for writing: open it again to write it.";
  return nullptr;
}

bool beyond_any_file(std::uint64_t offset, std::uint64_t length) {
  constexpr auto kEnd = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return offset > kEnd || length > kEnd - offset;
}

}  // namespace

struct Engine::State {
  Limits limits;
  Serve serve;
  bool greeted = false;  // INIT has come
  bool broken = false;
  bool paused = false;  // the feed() under way
  std::string reason;
  std::uint64_t last_id = 0;
  std::size_t held = 0;  // by unanswered requests
  std::size_t opening = 0;
  std::vector<std::uint8_t> head;  // of a packet that has not come whole, with its length
  std::vector<std::uint8_t> tail;  // of a WRITE that has not come whole: its data
  bool split = false;              // whether data goes to `tail`
  std::vector<std::uint8_t> output;
  std::unordered_map<std::uint64_t, Unanswered> unanswered;
  std::map<HandleId, Handle> handles;

  bool full() const {
    return unanswered.size() >= limits.requests || held + output.size() >= limits.held_bytes;
  }

  void break_off(std::string why) {
    broken = true;
    reason = std::move(why);
    head.clear();
    tail.clear();
  }

  // For data that is sent, and for what else is being read: answers that made it grow one by one would be
  // copied into ever larger buffers, of up to three times what is held.
  void make_room(std::size_t bytes) {
    const std::size_t needed = output.size() + kDataHead + bytes;
    if (needed <= output.capacity()) return;
    output.reserve(needed + std::min<std::size_t>(held, limits.held_bytes));
  }

  std::size_t feed(Bytes bytes);
  std::size_t feed_partial(Bytes bytes);
  bool length_possible(Bytes packet);
  void packet(Bytes body, std::vector<std::uint8_t>* data);
  void greet(Bytes body);
  void request(Bytes body, std::vector<std::uint8_t>* data);
  void ask(std::uint32_t client_id, Operation operation, const Verb& verb, HandleId handle, std::size_t size);
  void status(std::uint32_t client_id, Status status, std::string_view message);
  void malformed(std::uint32_t client_id, const Verb& verb);
  void send_limits(std::uint32_t client_id);
  void reply(const Unanswered& request, std::uint64_t id, Reply reply);
  bool send(const Unanswered& request, std::uint64_t id, StatusReply& answer);
  bool send(const Unanswered& request, std::uint64_t id, OpenedReply& answer);
  bool send(const Unanswered& request, std::uint64_t id, DataReply& answer);
  bool send(const Unanswered& request, std::uint64_t id, NamesReply& answer);
  bool send(const Unanswered& request, std::uint64_t id, AttributesReply& answer);
  bool send(const Unanswered& request, std::uint64_t id, FileSystemReply& answer);
  bool send(const Unanswered& request, std::uint64_t id, DigestReply& answer);
  void send_names(std::uint32_t client_id, std::deque<NamedFile>& names);
  bool answer_from_names(std::uint32_t client_id, HandleId handle);
};

// Takes from `bytes` what the packet begun in `head` still lacks.
std::size_t Engine::State::feed_partial(Bytes bytes) {
  std::size_t used = 0;
  const auto move = [&](std::vector<std::uint8_t>& to, std::size_t lacking) {
    const Bytes part = bytes.subspan(used, std::min(lacking, bytes.size() - used));
    to.insert(to.end(), part.begin(), part.end());
    used += part.size();
  };
  if (head.size() < kLengthBytes) {
    move(head, kLengthBytes - head.size());
    if (head.size() < kLengthBytes || !length_possible(head)) return used;
  }
  const std::size_t whole = kLengthBytes + number_at(head, 0);
  constexpr std::size_t kSplitAt = kLengthBytes + kWriteHead;
  if (head.size() < std::min(whole, kSplitAt)) {
    move(head, std::min(whole, kSplitAt) - head.size());
    if (head.size() == kSplitAt && head[kLengthBytes] == kWriteType &&
        number_at(head, kLengthBytes + 5) == kHandleBytes) {
      split = true;
      tail.reserve(whole - kSplitAt);
    }
  }
  if (head.size() >= std::min(whole, kSplitAt)) {
    if (!split) head.reserve(whole);
    move(split ? tail : head, whole - head.size() - tail.size());
  }
  if (head.size() + tail.size() < whole) return used;
  const std::vector<std::uint8_t> complete = std::exchange(head, {});
  std::vector<std::uint8_t> data = std::exchange(tail, {});
  packet(Bytes(complete).subspan(kLengthBytes), std::exchange(split, false) ? &data : nullptr);
  return used;
}

std::size_t Engine::State::feed(Bytes bytes) {
  std::size_t used = 0;
  paused = false;
  while (used < bytes.size() && !broken && !paused && !full()) {
    const Bytes rest = bytes.subspan(used);
    if (!head.empty() || rest.size() < kLengthBytes) {
      used += feed_partial(rest);
      continue;
    }
    if (!length_possible(rest)) break;
    const std::size_t whole = kLengthBytes + number_at(rest, 0);
    if (rest.size() < whole) {
      used += feed_partial(rest);
      continue;
    }
    packet(rest.subspan(kLengthBytes, whole - kLengthBytes), nullptr);
    used += whole;
  }
  return broken ? bytes.size() : used;
}

bool Engine::State::length_possible(Bytes packet) {
  const std::uint32_t length = number_at(packet, 0);
  if (length >= 5 && length <= limits.packet_bytes) return true;
  break_off("The client sent a packet of " + std::to_string(length) + " bytes.");
  return false;
}

void Engine::State::packet(Bytes body, std::vector<std::uint8_t>* data) {
  if (body[0] == kInit)
    greet(body);
  else if (!greeted)
    break_off("The client sent a request before INIT.");
  else
    request(body, data);
}

// Section 4. Extensions a client may name in INIT mean nothing here and are not read.
void Engine::State::greet(Bytes) {
  if (greeted) return break_off("The client sent INIT twice.");
  greeted = true;
  Writer writer(output, kVersion);
  writer.number(kProtocol);
  for (const Extension& extension : extensions()) {
    if (extension.version.empty()) continue;
    writer.text(extension.name);
    writer.text(extension.version);
  }
}

void Engine::State::request(Bytes body, std::vector<std::uint8_t>* data) {
  Reader reader(body.subspan(1), data);
  const std::uint32_t client_id = reader.number();
  Verb verb{};
  if (const Verb* found = find_verb(body[0])) {
    verb = *found;
  } else if (body[0] == kExtendedRequest) {
    const std::string name = reader.text();
    const Extension* extension = find_extension(name);
    if (reader.failed()) return status(client_id, Status::bad_message, "");
    if (extension == nullptr) return status(client_id, Status::unsupported, "");
    verb = {kExtendedRequest, extension->name, extension->needs, extension->answers, extension->decode};
    if (verb.decode == nullptr)
      return reader.finished() ? send_limits(client_id) : malformed(client_id, verb);
  } else {
    return status(client_id, Status::unsupported, "");
  }
  const std::size_t size = body.size() + (data == nullptr ? 0 : data->size());
  Operation operation = verb.decode(reader);
  if (!reader.finished()) return malformed(client_id, verb);
  const auto found = handles.find(reader.handle_seen());
  if (const char* why = unfit(verb.needs, found == handles.end() ? nullptr : &found->second))
    return status(client_id, Status::failure, why);
  if (reader.denied() != nullptr) return status(client_id, Status::failure, reader.denied());
  ask(client_id, std::move(operation), verb, reader.handle_seen(), size);
}

// Hands a well-formed request to the server of requests.
void Engine::State::ask(std::uint32_t client_id, Operation operation, const Verb& verb, HandleId handle,
                        std::size_t size) {
  Unanswered entry{client_id, verb.answers, handle, 0, 0, size};
  if (auto* read = std::get_if<Read>(&operation)) {
    read->length = std::min(read->length, limits.read_bytes);
    if (beyond_any_file(read->offset, read->length)) return status(client_id, Status::failure, kTooLong);
    entry.length = read->length;
    entry.held += read->length;
  } else if (const auto* write = std::get_if<Write>(&operation)) {
    if (beyond_any_file(write->offset, write->data.size()))
      return status(client_id, Status::failure, kTooLong);
  } else if (const auto* open = std::get_if<Open>(&operation)) {
    entry.flags = open->flags;
  } else if (std::holds_alternative<Close>(operation)) {
    handles.erase(handle);
  } else if (std::holds_alternative<ReadDirectory>(operation)) {
    if (answer_from_names(client_id, handle)) return;
    entry.held += kNamesBytes;
  } else if (const auto* path = std::get_if<RealPath>(&operation)) {
    entry.held += 2 * path->path.size();  // its name, twice
  }
  if (verb.answers == Answers::opened) {
    if (handles.size() + opening >= limits.handles)
      return status(client_id, Status::failure, "Too many files and folders are open: close one first.");
    ++opening;
  }
  const std::uint64_t id = ++last_id;
  held += entry.held;
  unanswered.emplace(id, entry);
  try {
    serve(Request{id, std::move(operation)});
  } catch (const std::exception&) {
    const auto failed = unanswered.find(id);
    if (failed == unanswered.end()) return;
    const Unanswered refused = failed->second;
    reply(refused, id, StatusReply{Status::failure, ""});
  }
}

void Engine::State::malformed(std::uint32_t client_id, const Verb& verb) {
  status(
      client_id, Status::bad_message,
      "The request " + std::string(verb.name) + " is malformed: update the client program, or use another.");
}

void Engine::State::status(std::uint32_t client_id, Status status, std::string_view message) {
  const auto code = static_cast<std::uint32_t>(status);
  Writer writer(output, kStatus);
  writer.number(client_id);
  writer.number(code);
  if (message.empty() && code < kSentences.size()) message = kSentences[code];
  writer.text(message);
  writer.text("en");
}

// limits@openssh.com, in OpenSSH's PROTOCOL, section 4.8.
void Engine::State::send_limits(std::uint32_t client_id) {
  Writer writer(output, kExtendedReply);
  writer.number(client_id);
  writer.number64(limits.packet_bytes);
  writer.number64(limits.read_bytes);
  writer.number64(limits.packet_bytes > kOverhead ? limits.packet_bytes - kOverhead : 0);
  writer.number64(limits.handles);
}

// Sends as many names as fit one packet, and takes them from `names`.
void Engine::State::send_names(std::uint32_t client_id, std::deque<NamedFile>& names) {
  std::size_t size = 0;
  std::size_t count = 0;
  for (const NamedFile& file : names) {
    size += encoded_size(file);
    if (size > kNamesBytes) break;
    ++count;
  }
  if (count == 0) return status(client_id, Status::eof, "");
  Writer writer(output, kName);
  writer.number(client_id);
  writer.number(static_cast<std::uint32_t>(count));
  for (; count > 0; --count) {
    writer.name(names.front());
    names.pop_front();
  }
}

bool Engine::State::answer_from_names(std::uint32_t client_id, HandleId handle) {
  const auto found = handles.find(handle);
  if (found == handles.end() || found->second.names.empty()) return false;
  send_names(client_id, found->second.names);
  return true;
}

void Engine::State::reply(const Unanswered& request, std::uint64_t id, Reply reply) {
  held -= request.held;
  unanswered.erase(id);
  if (request.answers == Answers::opened) --opening;
  if (!std::visit([&](auto& answer) { return send(request, id, answer); }, reply))
    status(request.client_id, Status::failure, "");
}

// Each send() answers false if such an answer does not fit the request.
bool Engine::State::send(const Unanswered& request, std::uint64_t, StatusReply& answer) {
  // Another READDIR of this folder may have been answered with more than one packet holds.
  if (request.answers != Answers::names || !answer_from_names(request.client_id, request.handle))
    status(request.client_id, answer.status, answer.message);
  return true;
}

bool Engine::State::send(const Unanswered& request, std::uint64_t id, OpenedReply& answer) {
  if (request.answers != Answers::opened) return false;
  handles.emplace(handle_for(id), Handle{answer.directory, request.flags, {}});
  Writer writer(output, kHandle);
  writer.number(request.client_id);
  writer.handle(handle_for(id));
  return true;
}

bool Engine::State::send(const Unanswered& request, std::uint64_t, DataReply& answer) {
  if (request.answers != Answers::data) return false;
  if (answer.data.empty() && request.length > 0) {
    status(request.client_id, Status::eof, "");
    return true;
  }
  make_room(answer.data.size());
  Writer writer(output, kData);
  writer.number(request.client_id);
  writer.data(Bytes(answer.data).first(std::min<std::size_t>(answer.data.size(), request.length)));
  return true;
}

bool Engine::State::send(const Unanswered& request, std::uint64_t, NamesReply& answer) {
  if (request.answers == Answers::one_name && answer.files.size() == 1) {
    Writer writer(output, kName);
    writer.number(request.client_id);
    writer.number(1);
    writer.name(answer.files[0]);
    return true;
  }
  if (request.answers != Answers::names) return false;
  const auto found = handles.find(request.handle);
  std::deque<NamedFile> closed;  // the folder was closed meanwhile: what does not fit is of no use
  std::deque<NamedFile>& names = found == handles.end() ? closed : found->second.names;
  for (NamedFile& file : answer.files)
    if (encoded_size(file) <= kNamesBytes) names.push_back(std::move(file));
  send_names(request.client_id, names);
  return true;
}

bool Engine::State::send(const Unanswered& request, std::uint64_t, AttributesReply& answer) {
  if (request.answers != Answers::attributes) return false;
  Writer writer(output, kAttributes);
  writer.number(request.client_id);
  writer.attributes(answer.attributes);
  return true;
}

// The fields of statvfs@openssh.com, in OpenSSH's PROTOCOL, section 4.4; inodes are not counted.
bool Engine::State::send(const Unanswered& request, std::uint64_t, FileSystemReply& answer) {
  if (request.answers != Answers::file_system) return false;
  constexpr std::uint64_t kLongestName = 255;
  const std::uint64_t files = 0, free_files = 0, available_files = 0, id = 0, flags = 0;
  const std::array fields = {answer.block_size,
                             answer.block_size,
                             answer.blocks,
                             answer.free_blocks,
                             answer.free_blocks,
                             files,
                             free_files,
                             available_files,
                             id,
                             flags,
                             kLongestName};
  Writer writer(output, kExtendedReply);
  writer.number(request.client_id);
  for (const std::uint64_t field : fields) writer.number64(field);
  return true;
}

bool Engine::State::send(const Unanswered& request, std::uint64_t, DigestReply& answer) {
  if (request.answers != Answers::digest && request.answers != Answers::named_digest) return false;
  Writer writer(output, kExtendedReply);
  writer.number(request.client_id);
  if (request.answers == Answers::named_digest) writer.text("check-file");
  writer.text("sha256");
  writer.raw(answer.sha256);
  return true;
}

Engine::Engine(Limits limits, Serve serve) : state_(std::make_unique<State>()) {
  state_->limits = limits;
  state_->serve = std::move(serve);
}

Engine::~Engine() = default;

std::size_t Engine::feed(std::span<const std::uint8_t> bytes) { return state_->feed(bytes); }

void Engine::pause() { state_->paused = true; }

void Engine::reply(std::uint64_t id, Reply reply) {
  const auto found = state_->unanswered.find(id);
  assert(found != state_->unanswered.end() && "answered twice, or never asked");
  if (found == state_->unanswered.end()) return;
  const Unanswered request = found->second;
  state_->reply(request, id, std::move(reply));
}

std::vector<std::uint8_t> Engine::take_output() { return std::exchange(state_->output, {}); }

std::size_t Engine::output_bytes() const { return state_->output.size(); }

bool Engine::broken() const { return state_->broken; }

const std::string& Engine::reason() const { return state_->reason; }

std::size_t Engine::unanswered() const { return state_->unanswered.size(); }

std::vector<HandleId> Engine::open_handles() const {
  std::vector<HandleId> open;
  for (const auto& [id, handle] : state_->handles) open.push_back(id);
  return open;
}

HandleId Engine::handle_for(std::uint64_t id) { return id; }

}  // namespace chancery::sftp
