#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "daemon/sftp/verbs.h"
#include "tests/unit/daemon/sftp/packets.h"

// Whole streams of bytes through an engine, and one good packet of every kind to make them of.
namespace chancery::sftp::testing {

// What became of a stream of bytes: requests, answers, end.
struct Outcome {
  std::vector<std::string> requests;
  Buffer output;
  bool broken = false;
  std::string reason;
  std::vector<HandleId> open;
  bool operator==(const Outcome&) const = default;
};

// Every string and every number of it.
class Description {
 public:
  explicit Description(const Request& request) {
    add(request.id, request.operation.index());
    std::visit([this](const auto& operation) { fields(operation); }, request.operation);
  }
  const std::string& text() const { return text_; }

 private:
  void fields(const Open& of) { add(of.path, of.flags, of.attributes); }
  void fields(const Read& of) { add(of.handle, of.offset, of.length); }
  void fields(const Write& of) { add(of.handle, of.offset, std::string(of.data.begin(), of.data.end())); }
  void fields(const Stat& of) { add(of.path, of.follow); }
  void fields(const SetStat& of) { add(of.path, of.attributes, of.follow); }
  void fields(const HandleSetStat& of) { add(of.handle, of.attributes); }
  void fields(const Rename& of) { add(of.from, of.to, of.replace); }
  void fields(const MakeLink& of) { add(of.path, of.target); }
  void fields(const CheckFile& of) { add(of.path, of.handle, of.offset, of.length, of.block); }
  template <typename OfAPath>
  requires requires(OfAPath of) { of.path; }
  void fields(const OfAPath& of) { add(of.path); }
  template <typename OfAHandle>
  requires requires(OfAHandle of) { of.handle; }
  void fields(const OfAHandle& of) { add(of.handle); }

  template <typename... Fields>
  void add(const Fields&... fields) {
    (one(fields), ...);
  }
  void one(std::uint64_t number) { text_ += std::to_string(number) + ";"; }
  void one(const std::string& bytes) { text_ += std::to_string(bytes.size()) + ":" + bytes + ";"; }
  void one(const Attributes& of) {
    if (of.size) add(std::string("size"), *of.size);
    if (of.owner) add(std::string("owner"), of.owner->uid, of.owner->gid);
    if (of.permissions) add(std::string("permissions"), *of.permissions);
    if (of.times) add(std::string("times"), of.times->accessed, of.times->modified);
  }

  std::string text_;
};

inline std::string describe(const Request& request) { return Description(request).text(); }

// An answer of the kind that the request is for.
inline Reply answer(const Request& request) {
  const Operation& operation = request.operation;
  if (std::holds_alternative<Open>(operation)) return OpenedReply{};
  if (std::holds_alternative<OpenDirectory>(operation)) return OpenedReply{true};
  if (std::holds_alternative<Read>(operation)) return DataReply{{'d', 'a', 't', 'a'}};
  if (std::holds_alternative<Stat>(operation) || std::holds_alternative<HandleStat>(operation))
    return AttributesReply{Attributes{.size = 7}};
  if (std::holds_alternative<ReadDirectory>(operation)) return NamesReply{{{"a", "a", {}}, {"b", "b", {}}}};
  if (std::holds_alternative<RealPath>(operation) || std::holds_alternative<ReadLink>(operation))
    return NamesReply{{{"/a", "/a", {}}}};
  if (std::holds_alternative<StatFileSystem>(operation)) return FileSystemReply{};
  if (std::holds_alternative<CheckFile>(operation)) return DigestReply{};
  return StatusReply{};
}

// Gives the engine `bytes` in the pieces that `cut` says, by where they begin, and answers every request at
// once.
template <typename Cut>
Outcome run(const Buffer& bytes, Cut cut) {
  Outcome outcome;
  Engine* self = nullptr;
  Engine engine({}, [&](const Request& request) {
    outcome.requests.push_back(describe(request));
    self->reply(request.id, answer(request));
  });
  self = &engine;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t size = std::min(cut(at), bytes.size() - at);
    at += engine.feed(std::span(bytes).subspan(at, size));
    const Buffer taken = engine.take_output();
    outcome.output.insert(outcome.output.end(), taken.begin(), taken.end());
  }
  outcome.broken = engine.broken();
  outcome.reason = engine.reason();
  outcome.open = engine.open_handles();
  return outcome;
}

inline Outcome run(const Buffer& bytes) {
  return run(bytes, [&](std::size_t) { return bytes.size(); });
}

inline Buffer operator+(Buffer left, const Buffer& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

// INIT, a file open as handle 1 and a folder as handle 2: two requests, three answers.
inline Buffer prelude() {
  return init() + open(1, "file").bytes() + Packet(11).u32(2).text("folder").bytes();
}

// A good packet, what it is called, and the type of its answer.
struct Good {
  std::string name;
  int answer;
  Packet packet;
};

// One good packet of every verb and extension. The handles they name are open after `prelude`.
inline std::vector<Good> good_packets() {
  const auto attributes = [](Packet packet) {
    return packet.u32(0x8000000f).u64(1).u64(2).u32(3).u64(4).u32(1).text("a").text("b");
  };
  const auto path = [](int type) { return Packet(type).u32(5).text("path"); };
  const auto check = [](Packet packet) { return packet.text("sha256").u64(0).u64(0).u32(0); };
  std::vector<Good> good = {
      {"OPEN", 102, open(1, "path")},
      {"CLOSE", 101, close(2, 1)},
      {"READ", 103, read(3, 1, 0, 10)},
      {"WRITE", 101, write(4, 1, 0, "some data")},
      {"LSTAT", 105, path(7)},
      {"FSTAT", 105, Packet(8).u32(6).handle(1)},
      {"SETSTAT", 101, attributes(path(9))},
      {"FSETSTAT", 101, Packet(10).u32(8).handle(1).u32(4).u32(0600)},
      {"OPENDIR", 102, path(11)},
      {"READDIR", 104, Packet(12).u32(9).handle(2)},
      {"REMOVE", 101, path(13)},
      {"MKDIR", 101, attributes(path(14))},
      {"RMDIR", 101, path(15)},
      {"REALPATH", 104, path(16)},
      {"STAT", 105, path(17)},
      {"RENAME", 101, path(18).text("to")},
      {"READLINK", 104, path(19)},
      {"SYMLINK", 101, path(20).text("to")},
      {"posix-rename@openssh.com", 101, extended(11, "posix-rename@openssh.com").text("from").text("to")},
      {"hardlink@openssh.com", 101, extended(11, "hardlink@openssh.com").text("from").text("to")},
      {"statvfs@openssh.com", 201, extended(12, "statvfs@openssh.com").text("path")},
      {"fstatvfs@openssh.com", 201, extended(13, "fstatvfs@openssh.com").handle(1)},
      {"fsync@openssh.com", 101, extended(13, "fsync@openssh.com").handle(1)},
      {"limits@openssh.com", 201, extended(14, "limits@openssh.com")},
      {"expand-path@openssh.com", 104, extended(12, "expand-path@openssh.com").text("path")},
      {"home-directory", 104, extended(12, "home-directory").text("someone")},
      {"lsetstat@openssh.com", 101, extended(15, "lsetstat@openssh.com").text("path").u32(4).u32(0600)},
      {"check-file", 201, check(extended(16, "check-file").handle(1))},
      {"check-file-handle", 201, check(extended(16, "check-file-handle").handle(1))},
      {"check-file-name", 201, check(extended(17, "check-file-name").text("path"))},
  };
  EXPECT_EQ(good.size(), verbs().size() + extensions().size()) << "a request without its good packet";
  return good;
}

}  // namespace chancery::sftp::testing
