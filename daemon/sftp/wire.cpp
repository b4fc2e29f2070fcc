#include "daemon/sftp/wire.h"

#include <algorithm>
#include <utility>

namespace chancery::sftp {
namespace {

constexpr std::size_t kLongestPath = 4096;

// Section 5, the flags that say which attributes are present.
enum AttributeFlag : std::uint32_t {
  kSize = 1,
  kOwner = 2,
  kPermissions = 4,
  kTimes = 8,
  kExtended = 0x80000000
};

template <typename Number>
void append(std::vector<std::uint8_t>& out, Number value) {
  for (int shift = (static_cast<int>(sizeof value) - 1) * 8; shift >= 0; shift -= 8)
    out.push_back(static_cast<std::uint8_t>(value >> shift));
}

template <typename Number>
Number parse(std::span<const std::uint8_t> bytes) {
  Number value = 0;
  for (const std::uint8_t byte : bytes) value = static_cast<Number>(value << 8 | byte);
  return value;
}

}  // namespace

std::span<const std::uint8_t> Reader::take(std::size_t count) {
  if (failed_ || bytes_.size() < count) {
    failed_ = true;
    return {};
  }
  const auto taken = bytes_.first(count);
  bytes_ = bytes_.subspan(count);
  return taken;
}

std::uint8_t Reader::byte() {
  const auto taken = take(1);
  return taken.empty() ? std::uint8_t{0} : taken[0];
}

std::uint32_t Reader::number() { return parse<std::uint32_t>(take(4)); }

std::uint64_t Reader::number64() { return parse<std::uint64_t>(take(8)); }

std::span<const std::uint8_t> Reader::string() { return take(number()); }

std::string Reader::text() {
  const auto taken = string();
  return {taken.begin(), taken.end()};
}

std::string Reader::path() {
  std::string taken = text();
  if (taken.size() > kLongestPath || taken.find('\0') != std::string::npos) {
    fail();
    return {};
  }
  return taken;
}

HandleId Reader::handle() {
  const auto taken = string();
  handle_ = taken.size() == kHandleBytes ? parse<HandleId>(taken) : 0;
  return handle_;
}

std::vector<std::uint8_t> Reader::data() {
  std::vector<std::uint8_t> data;
  if (tail_ != nullptr) {
    const std::uint32_t size = number();
    if (size > tail_->size()) fail();
    if (failed_) return {};
    // What came behind the data takes no memory: whoever holds it counts the data.
    if (size < tail_->size())
      data.assign(tail_->begin(), tail_->begin() + size);
    else
      data = std::move(*tail_);
  } else {
    const auto taken = string();
    data.assign(taken.begin(), taken.end());
  }
  bytes_ = {};
  return data;
}

Attributes Reader::attributes() {
  Attributes attributes;
  const std::uint32_t flags = number();
  if (flags & kSize) attributes.size = number64();
  if (flags & kOwner) {
    Attributes::Owner owner;
    owner.uid = number();
    owner.gid = number();
    attributes.owner = owner;
  }
  if (flags & kPermissions) attributes.permissions = number();
  if (flags & kTimes) {
    Attributes::Times times;
    times.accessed = number();
    times.modified = number();
    attributes.times = times;
  }
  if (flags & kExtended) {
    const std::uint32_t pairs = number();
    for (std::uint32_t i = 0; i < pairs && !failed_; ++i) {
      string();
      string();
    }
  }
  return attributes;
}

Writer::Writer(std::vector<std::uint8_t>& out, std::uint8_t type) : out_(out), start_(out.size()) {
  append(out_, std::uint32_t{0});
  out_.push_back(type);
}

Writer::~Writer() {
  const auto length = static_cast<std::uint32_t>(out_.size() - start_ - 4);
  for (std::size_t i = 0; i < 4; ++i) out_[start_ + i] = static_cast<std::uint8_t>(length >> (8 * (3 - i)));
}

void Writer::number(std::uint32_t value) { append(out_, value); }

void Writer::number64(std::uint64_t value) { append(out_, value); }

void Writer::text(std::string_view value) {
  number(static_cast<std::uint32_t>(value.size()));
  out_.insert(out_.end(), value.begin(), value.end());
}

void Writer::data(std::span<const std::uint8_t> value) {
  number(static_cast<std::uint32_t>(value.size()));
  raw(value);
}

void Writer::raw(std::span<const std::uint8_t> value) { out_.insert(out_.end(), value.begin(), value.end()); }

void Writer::handle(HandleId value) {
  number(kHandleBytes);
  number64(value);
}

void Writer::attributes(const Attributes& value) {
  number((value.size ? kSize : 0U) | (value.owner ? kOwner : 0U) | (value.permissions ? kPermissions : 0U) |
         (value.times ? kTimes : 0U));
  if (value.size) number64(*value.size);
  if (value.owner) {
    number(value.owner->uid);
    number(value.owner->gid);
  }
  if (value.permissions) number(*value.permissions);
  if (value.times) {
    number(value.times->accessed);
    number(value.times->modified);
  }
}

void Writer::name(const NamedFile& file) {
  text(file.name);
  text(file.long_name);
  attributes(file.attributes);
}

std::size_t encoded_size(const NamedFile& file) {
  const Attributes& a = file.attributes;
  return 12 + file.name.size() + file.long_name.size() + (a.size ? 8U : 0U) + (a.owner ? 8U : 0U) +
         (a.permissions ? 4U : 0U) + (a.times ? 8U : 0U);
}

}  // namespace chancery::sftp
