#include <algorithm>
#include <deque>
#include <span>

#include "daemon/sftp/engine.h"
#include "tests/fuzz/require.h"

namespace {

using namespace chancery::sftp;

// An answer chosen by the fuzzer: of every kind, fitting or not.
Reply choose(std::uint8_t choice) {
  switch (choice % 9) {
    case 0:
      return StatusReply{static_cast<Status>(choice / 8), std::string(choice, 'm')};
    case 1:
      return OpenedReply{(choice & 8) != 0};
    case 2:
      return DataReply{std::vector<std::uint8_t>(std::size_t{choice} * 2000)};
    case 3:
      return NamesReply{std::vector<NamedFile>(choice, NamedFile{std::string(200, 'n'), "long", {}})};
    case 4:
      return AttributesReply{Attributes{.size = choice}};
    case 5:
      return FileSystemReply{};
    case 6:
      return NamesReply{std::vector<NamedFile>(1)};
    case 7:
      return DigestReply{};
    default:
      return OpenedReply{false};
  }
}

// The output is whole packets of lengths that clients accept.
void check(const std::vector<std::uint8_t>& output) {
  for (std::size_t at = 0; at < output.size();) {
    require(output.size() - at >= 9);
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = length << 8 | output[at + i];
    require(length >= 5 && length <= Limits{}.packet_bytes && length <= output.size() - at - 4);
    at += 4 + length;
  }
}

}  // namespace

// Whatever a client sends and however it is answered, the output is whole packets, and what is held is
// bounded.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::deque<std::uint64_t> waiting;
  std::uint64_t last = 0;
  const Limits limits{.requests = 8, .held_bytes = 64 * 1024};
  Engine engine(limits, [&](Request request) {
    require(request.id > last);
    last = request.id;
    if (const auto* read = std::get_if<Read>(&request.operation)) require(read->length <= limits.read_bytes);
    waiting.push_back(request.id);
  });
  engine.feed(std::initializer_list<std::uint8_t>{0, 0, 0, 5, 1, 0, 0, 0, 3});
  std::span<const std::uint8_t> rest(data, size);
  std::uint8_t choice = size > 0 ? data[size - 1] : 0;
  while (!rest.empty()) {
    const std::size_t piece = std::min<std::size_t>(rest.size(), 1 + choice % 64);
    const std::size_t used = engine.feed(rest.first(piece));
    require(used <= piece && engine.unanswered() == waiting.size() && waiting.size() <= limits.requests);
    require(engine.open_handles().size() <= limits.handles);
    if (used > 0) choice = rest[used - 1];
    rest = rest.subspan(used);
    if (!waiting.empty() && (used == 0 || choice % 3 == 0)) {
      engine.reply(waiting.front(), choose(choice++));
      waiting.pop_front();
    }
    require(engine.output_bytes() <= limits.held_bytes + 2 * limits.packet_bytes);
    check(engine.take_output());
  }
  return 0;
}
