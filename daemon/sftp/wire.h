#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/sftp/message.h"

// The encoding of SFTP version 3 (draft-ietf-secsh-filexfer-02, sections 3 and 5; RFC 4251, section 5).
namespace chancery::sftp {

// Reads the fields of one packet. A field that runs past the end, or that cannot be, makes the reader fail:
// then every further field is empty.
class Reader {
 public:
  // `tail`, if given, is the data of a WRITE that was set apart: the last field, already without its length.
  explicit Reader(std::span<const std::uint8_t> bytes, std::vector<std::uint8_t>* tail = nullptr)
      : bytes_(bytes), tail_(tail) {}

  std::uint8_t byte();
  std::uint32_t number();
  std::uint64_t number64();
  std::string text();
  std::string path();                               // text without a zero byte, of at most 4096 bytes
  HandleId handle();                                // 0, which is never open, if it is not one of ours
  HandleId handle_seen() const { return handle_; }  // what handle() answered last
  // The last field. What follows it is ignored: the Go library that rclone uses sends its whole buffer behind
  // the data of a short WRITE.
  std::vector<std::uint8_t> data();
  Attributes attributes();  // extended attributes are skipped

  void fail() { failed_ = true; }
  bool failed() const { return failed_; }
  // The fields are well formed, but the request is one that is never served: `sentence` says why.
  void deny(const char* sentence) { denied_ = sentence; }
  const char* denied() const { return denied_; }  // nullptr unless it was denied
  // Whether every field was there and nothing is left.
  bool finished() const { return !failed_ && bytes_.empty(); }

 private:
  std::span<const std::uint8_t> take(std::size_t count);
  std::span<const std::uint8_t> string();

  std::span<const std::uint8_t> bytes_;
  std::vector<std::uint8_t>* tail_;
  HandleId handle_ = 0;
  const char* denied_ = nullptr;
  bool failed_ = false;
};

// Appends one packet to `out`; its length is filled in when the writer is destroyed.
class Writer {
 public:
  Writer(std::vector<std::uint8_t>& out, std::uint8_t type);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void number(std::uint32_t value);
  void number64(std::uint64_t value);
  void text(std::string_view value);
  void data(std::span<const std::uint8_t> value);
  void raw(std::span<const std::uint8_t> value);  // without its length: the last field
  void handle(HandleId value);
  void attributes(const Attributes& value);
  void name(const NamedFile& file);

 private:
  std::vector<std::uint8_t>& out_;
  std::size_t start_;
};

// How many bytes Writer::name() takes.
std::size_t encoded_size(const NamedFile& file);

constexpr std::uint32_t kHandleBytes = 8;

}  // namespace chancery::sftp
