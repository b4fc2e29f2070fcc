#include "daemon/sftp/verbs.h"

#include <algorithm>
#include <array>
#include <utility>

namespace chancery::sftp {
namespace {

// Braces evaluate from left to right, so fields are read in the order in which they are written here.
Operation open(Reader& r) { return Open{r.path(), r.number(), r.attributes()}; }
Operation close(Reader& r) { return Close{r.handle()}; }
Operation read(Reader& r) { return Read{r.handle(), r.number64(), r.number()}; }
Operation write(Reader& r) { return Write{r.handle(), r.number64(), r.data()}; }
Operation lstat(Reader& r) { return Stat{r.path(), false}; }
Operation fstat(Reader& r) { return HandleStat{r.handle()}; }
Operation setstat(Reader& r) { return SetStat{r.path(), r.attributes()}; }
Operation fsetstat(Reader& r) { return HandleSetStat{r.handle(), r.attributes()}; }
Operation opendir(Reader& r) { return OpenDirectory{r.path()}; }
Operation readdir(Reader& r) { return ReadDirectory{r.handle()}; }
Operation remove(Reader& r) { return Remove{r.path()}; }
Operation mkdir(Reader& r) {
  MakeDirectory operation{r.path()};
  r.attributes();
  return operation;
}
Operation rmdir(Reader& r) { return RemoveDirectory{r.path()}; }
Operation realpath(Reader& r) { return RealPath{r.path()}; }
Operation stat(Reader& r) { return Stat{r.path(), true}; }
Operation rename(Reader& r) { return Rename{r.path(), r.path(), false}; }
Operation readlink(Reader& r) { return ReadLink{r.path()}; }

// SYMLINK's arguments come target first: every client follows OpenSSH in this, not section 6.10.
Operation link(Reader& r) {
  std::string target = r.path();
  return MakeLink{r.path(), std::move(target)};
}

Operation posix_rename(Reader& r) { return Rename{r.path(), r.path(), true}; }
Operation statvfs(Reader& r) { return StatFileSystem{r.path()}; }

Operation fstatvfs(Reader& r) {
  r.handle();
  return StatFileSystem{"/"};
}

Operation fsync(Reader& r) { return Sync{r.handle()}; }
Operation lsetstat(Reader& r) { return SetStat{r.path(), r.attributes(), false}; }

constexpr std::string_view kSha256 = "sha256";

bool names_sha256(std::string_view list) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    if (list.substr(0, comma) == kSha256) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

Operation check_part(Reader& r, CheckFile check) {
  if (!names_sha256(r.text())) r.deny("Only SHA-256 is recorded here: ask for sha256.");
  check.offset = r.number64();
  check.length = r.number64();
  check.block = r.number();
  return check;
}

Operation check_file_name(Reader& r) {
  CheckFile check;
  check.path = r.path();
  return check_part(r, std::move(check));
}

Operation check_file_handle(Reader& r) {
  CheckFile check;
  check.handle = r.handle();
  return check_part(r, std::move(check));
}

// "~" and "~/x" are the account's own; "~someone" stays a name like any other.
Operation expand_path(Reader& r) {
  std::string path = r.path();
  if (path == "~" || path.starts_with("~/")) path.replace(0, 1, ".");
  return RealPath{std::move(path)};
}

// Whoever's home is asked for, there is one tree.
Operation home_directory(Reader& r) {
  r.text();
  return RealPath{"."};
}

constexpr std::array kVerbs = {
    Verb{3, "OPEN", Needs::nothing, Answers::opened, open},
    Verb{4, "CLOSE", Needs::handle, Answers::status, close},
    Verb{5, "READ", Needs::readable_file, Answers::data, read},
    Verb{kWriteType, "WRITE", Needs::writable_file, Answers::status, write},
    Verb{7, "LSTAT", Needs::nothing, Answers::attributes, lstat},
    Verb{8, "FSTAT", Needs::handle, Answers::attributes, fstat},
    Verb{9, "SETSTAT", Needs::nothing, Answers::status, setstat},
    Verb{10, "FSETSTAT", Needs::handle, Answers::status, fsetstat},
    Verb{11, "OPENDIR", Needs::nothing, Answers::opened, opendir},
    Verb{12, "READDIR", Needs::directory, Answers::names, readdir},
    Verb{13, "REMOVE", Needs::nothing, Answers::status, remove},
    Verb{14, "MKDIR", Needs::nothing, Answers::status, mkdir},
    Verb{15, "RMDIR", Needs::nothing, Answers::status, rmdir},
    Verb{16, "REALPATH", Needs::nothing, Answers::one_name, realpath},
    Verb{17, "STAT", Needs::nothing, Answers::attributes, stat},
    Verb{18, "RENAME", Needs::nothing, Answers::status, rename},
    Verb{19, "READLINK", Needs::nothing, Answers::one_name, readlink},
    Verb{20, "SYMLINK", Needs::nothing, Answers::status, link},
};

constexpr std::array kExtensions = {
    Extension{"posix-rename@openssh.com", "1", Needs::nothing, Answers::status, posix_rename},
    Extension{"statvfs@openssh.com", "2", Needs::nothing, Answers::file_system, statvfs},
    Extension{"fstatvfs@openssh.com", "2", Needs::handle, Answers::file_system, fstatvfs},
    Extension{"fsync@openssh.com", "1", Needs::file, Answers::status, fsync},
    Extension{"limits@openssh.com", "1", Needs::nothing, Answers::status, nullptr},
    Extension{"expand-path@openssh.com", "1", Needs::nothing, Answers::one_name, expand_path},
    Extension{"home-directory", "1", Needs::nothing, Answers::one_name, home_directory},
    Extension{"lsetstat@openssh.com", "1", Needs::nothing, Answers::status, lsetstat},
    Extension{"check-file", "1", Needs::file, Answers::named_digest, check_file_handle},
    Extension{"check-file-handle", "", Needs::file, Answers::digest, check_file_handle},
    Extension{"check-file-name", "", Needs::nothing, Answers::digest, check_file_name},
    Extension{"hardlink@openssh.com", "", Needs::nothing, Answers::status, link},
};

}  // namespace

std::span<const Verb> verbs() { return kVerbs; }

std::span<const Extension> extensions() { return kExtensions; }

const Verb* find_verb(std::uint8_t type) {
  const auto* found = std::ranges::find(kVerbs, type, &Verb::type);
  return found == kVerbs.end() ? nullptr : found;
}

const Extension* find_extension(std::string_view name) {
  const auto* found = std::ranges::find(kExtensions, name, &Extension::name);
  return found == kExtensions.end() ? nullptr : found;
}

}  // namespace chancery::sftp
