#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "daemon/sftp/message.h"

namespace chancery::sftp {

struct Limits {
  std::uint32_t packet_bytes = 256 * 1024;  // longest packet accepted; sent to clients by limits@openssh.com
  std::uint32_t handles = 64;
  std::uint32_t read_bytes = 255 * 1024;  // longest READ answered (a longer one is answered with this much)
  std::uint32_t requests = 1024;          // unanswered requests
  // Bytes held for one session: unanswered requests as they were sent, what unanswered READs may return, and
  // output not yet taken. May be exceeded by one packet.
  std::uint32_t held_bytes = 2 * 1024 * 1024;
};

// The server's side of one SFTP session: bytes in, requests out, replies in, bytes out. No disk, clock or
// network, so it is the same over SSH, over stdio and under a fuzzer. Not thread-safe.
//
// Requests are handed to `serve` in the order in which they came, by feed(); each must be answered exactly
// once by reply(), later or from within `serve`, in any order. The engine owns the handles: it numbers them
// when an Open is answered with OpenedReply, refuses requests for handles that are not open here (no
// `serve`), and forgets a handle when its Close arrives.
class Engine {
 public:
  using Serve = std::function<void(Request)>;
  Engine(Limits limits, Serve serve);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Takes bytes from the client and answers how many were consumed: fewer than given only while
  // `Limits::requests` or `Limits::held_bytes` is reached (call again after a reply or take_output()), or
  // after pause(). After broken() it consumes everything and does nothing. Not to be called from within
  // `serve`.
  std::size_t feed(std::span<const std::uint8_t> bytes);

  // From within `serve`: the feed() under way takes no packet after this one.
  void pause();

  // Answers the request whose Request::id this is. An answer of the wrong kind (names for a Read) is sent as
  // failure; DataReply is cut to the length asked for, and when empty is sent as eof, as is an empty
  // NamesReply. Names that do not fit one packet are kept for the next ReadDirectory of that handle.
  void reply(std::uint64_t id, Reply reply);

  // Bytes for the client; taking them empties the queue.
  std::vector<std::uint8_t> take_output();
  std::size_t output_bytes() const;

  // The client broke the protocol beyond repair (a packet of impossible length, a request before INIT, INIT
  // twice): send what is left and close the channel. `reason` is a sentence for the log.
  bool broken() const;
  const std::string& reason() const;

  // Requests that are not answered.
  std::size_t unanswered() const;

  // Handles that are open, for when the session ends.
  std::vector<HandleId> open_handles() const;

  // The handle that will be given to request `id` if it is answered with OpenedReply: known before the
  // answer, so that whoever serves can name its file by it.
  static HandleId handle_for(std::uint64_t id);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::sftp
