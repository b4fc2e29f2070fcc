#include "policies/seal/armor.h"

#include "policies/seal/primitives.h"
#include "policies/seal/seal.h"

namespace chancery::seal {
namespace {

constexpr std::string_view kBegin = "-----BEGIN AGE ENCRYPTED FILE-----";
constexpr std::string_view kEnd = "-----END AGE ENCRYPTED FILE-----";
constexpr std::string_view kSpace = " \t\r\n";
constexpr std::size_t kColumns = 64;
constexpr std::size_t kLongest = kColumns + 1;  // a line with the CR of its CRLF

[[noreturn]] void bad(const std::string& what) { throw OpenError(Failure::armor, what); }

}  // namespace

void ArmorReader::update(std::span<const std::uint8_t> text) {
  std::string_view rest(reinterpret_cast<const char*>(text.data()), text.size());
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    take(rest.substr(0, end));
    if (end == std::string_view::npos) {
      return;
    }
    if (expect_ != Expect::only_space) {
      if (pending_.ends_with('\r')) {
        pending_.pop_back();
      }
      line(pending_);
      pending_.clear();
    }
    rest.remove_prefix(end + 1);
  }
}

// Adds to the line being read; the end marker is acted upon at once, since no line end need follow it.
void ArmorReader::take(std::string_view text) {
  if (expect_ == Expect::begin && pending_.empty()) {
    text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  }
  if (expect_ != Expect::only_space) {
    const std::size_t room = kLongest + 1 - pending_.size();
    pending_ += text.substr(0, room);
    text.remove_prefix(std::min(room, text.size()));
    if (expect_ != Expect::begin && pending_.starts_with(kEnd)) {
      expect_ = Expect::only_space;
      if (pending_.find_first_not_of(kSpace, kEnd.size()) != std::string::npos) {
        bad("the armor is followed by something other than whitespace");
      }
      pending_.clear();
    } else if (pending_.size() > kLongest) {
      bad(expect_ == Expect::begin
              ? "this is not a sealed file: it begins neither as an age file nor as its armor"
              : "the armor has a line of more than 64 columns");
    }
  }
  if (expect_ == Expect::only_space && text.find_first_not_of(kSpace) != std::string_view::npos) {
    bad("the armor is followed by something other than whitespace");
  }
}

void ArmorReader::line(std::string_view text) {
  if (expect_ == Expect::begin) {
    if (text.empty()) {
      return;
    }
    if (text != kBegin) {
      bad("this is not a sealed file: it begins neither as an age file nor as its armor");
    }
    expect_ = Expect::full_line;
    return;
  }
  if (expect_ == Expect::end || text.empty() || text.size() > kColumns) {
    bad("the armor has a line of the wrong length");
  }
  const auto bytes = padded_base64_decode(text);
  if (!bytes) {
    bad("the armor has a line that is not canonical base64");
  }
  if (text.size() < kColumns || text.ends_with('=')) {
    expect_ = Expect::end;
  }
  sink_(*bytes);
}

void ArmorReader::finish() const {
  if (expect_ == Expect::begin) {
    bad("this is not a sealed file: it begins neither as an age file nor as its armor");
  }
  if (expect_ != Expect::only_space) {
    bad("the armor ends before its last line; the file is truncated");
  }
}

}  // namespace chancery::seal
