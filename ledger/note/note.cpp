#include "ledger/note/note.h"

#include <algorithm>
#include <set>
#include <stdexcept>

#include <botan/base64.h>

#include "ledger/note/text.h"

namespace chancery::note {
namespace {

constexpr std::string_view kSignaturePrefix = "\xE2\x80\x94 ";  // em dash, space
constexpr std::size_t kMaxSignatures = 64;
constexpr std::size_t kKeyIdBytes = 4;

// One line without its LF: em dash, space, key name, space, base64 of key id and signature.
std::optional<SignatureLine> parse_signature_line(std::string_view line) {
  if (!line.starts_with(kSignaturePrefix)) {
    return std::nullopt;
  }
  line.remove_prefix(kSignaturePrefix.size());
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || !is_key_name(line.substr(0, space))) {
    return std::nullopt;
  }
  const auto bytes = decode_base64(line.substr(space + 1));
  if (!bytes || bytes->size() <= kKeyIdBytes) {
    return std::nullopt;
  }
  SignatureLine signature;
  signature.name = line.substr(0, space);
  for (std::size_t i = 0; i < kKeyIdBytes; ++i) {
    signature.key_id = signature.key_id << 8 | (*bytes)[i];
  }
  signature.signature.assign(bytes->begin() + kKeyIdBytes, bytes->end());
  return signature;
}

}  // namespace

std::string Note::encode() const {
  std::string out = text + "\n";
  for (const SignatureLine& line : signatures) {
    std::vector<std::uint8_t> bytes(kKeyIdBytes + line.signature.size());
    for (std::size_t i = 0; i < kKeyIdBytes; ++i) {
      bytes[i] = static_cast<std::uint8_t>(line.key_id >> (24 - 8 * i));
    }
    std::copy(line.signature.begin(), line.signature.end(), bytes.begin() + kKeyIdBytes);
    out.append(kSignaturePrefix).append(line.name).append(1, ' ');
    out.append(Botan::base64_encode(bytes)).append(1, '\n');
  }
  return out;
}

std::variant<Note, NoteError> parse_note(std::string_view bytes) {
  if (bytes.size() > kMaxNoteBytes) {
    return NoteError{kMaxNoteBytes, "a note may have at most 1 MiB"};
  }
  if (const auto at = find_not_text(bytes)) {
    return NoteError{*at, "a note is UTF-8 without control characters but line feeds"};
  }
  const std::size_t split = bytes.rfind("\n\n");
  if (split == std::string_view::npos) {
    return NoteError{bytes.size(), "no empty line separates the text from its signatures"};
  }
  Note note;
  note.text = bytes.substr(0, split + 1);
  for (std::size_t at = split + 2; at < bytes.size();) {
    const std::size_t end = bytes.find('\n', at);
    if (end == std::string_view::npos) {
      return NoteError{at, "the last line does not end in a line feed"};
    }
    auto line = parse_signature_line(bytes.substr(at, end - at));
    if (!line) {
      return NoteError{at, "not a signature line"};
    }
    if (note.signatures.size() == kMaxSignatures) {
      return NoteError{at, "a note may have at most 64 signatures"};
    }
    note.signatures.push_back(*std::move(line));
    at = end + 1;
  }
  if (note.signatures.empty()) {
    return NoteError{bytes.size(), "the note has no signature"};
  }
  return note;
}

Note sign_note(std::string text, std::span<const SigningKey* const> keys, std::uint64_t time) {
  if (!text.ends_with('\n') || find_not_text(text)) {
    throw std::invalid_argument("a note's text is UTF-8 without control characters and ends in a line feed");
  }
  Note note{std::move(text), {}};
  for (const SigningKey* key : keys) {
    const VerifierKey& verifier = key->verifier();
    note.signatures.push_back({verifier.name(), verifier.id(), key->sign(note.text, time)});
  }
  return note;
}

Signed verify_note(const Note& note, std::span<const VerifierKey> keys) {
  std::set<KeyType> signed_by;
  for (const SignatureLine& line : note.signatures) {
    const auto key = std::find_if(keys.begin(), keys.end(), [&](const VerifierKey& candidate) {
      return candidate.name() == line.name && candidate.id() == line.key_id;
    });
    if (key == keys.end()) {
      continue;
    }
    if (!key->verify(note.text, line.signature)) {
      return Signed::bad_signature;
    }
    signed_by.insert(key->type());
  }
  const bool all = !keys.empty() && std::ranges::all_of(keys, [&](const VerifierKey& key) {
    return signed_by.contains(key.type());
  });
  return all ? Signed::valid : Signed::unknown_key;
}

std::string Checkpoint::body() const {
  return origin + "\n" + std::to_string(size) + "\n" + merkle::to_base64(root) + "\n";
}

std::optional<Checkpoint> parse_checkpoint(std::string_view body) {
  const std::size_t origin_end = body.find('\n');
  const std::size_t size_end =
      origin_end == std::string_view::npos ? origin_end : body.find('\n', origin_end + 1);
  if (size_end == std::string_view::npos || origin_end == 0 || !body.ends_with('\n') ||
      size_end + 1 == body.size()) {
    return std::nullopt;
  }
  const auto size = parse_decimal(body.substr(origin_end + 1, size_end - origin_end - 1));
  const auto root = merkle::from_base64(body.substr(size_end + 1, body.size() - size_end - 2));
  if (!size || !root) {
    return std::nullopt;
  }
  return Checkpoint{std::string(body.substr(0, origin_end)), *size, *root};
}

}  // namespace chancery::note
