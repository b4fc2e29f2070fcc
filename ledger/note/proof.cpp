#include "ledger/note/proof.h"

#include <utility>

#include <botan/base64.h>

#include "ledger/note/text.h"

namespace chancery::note {
namespace {

constexpr std::string_view kMagic = "c2sp.org/tlog-proof@v1";
constexpr std::string_view kExtra = "extra ";
constexpr std::string_view kIndex = "index ";
constexpr std::size_t kMaxPath = 63;

// The lines of a text, each of which ends in a line feed.
struct Lines {
  std::string_view rest;
  std::size_t number = 0;  // of the line that was taken last

  // The next one without its LF; nullopt if there is no whole line.
  std::optional<std::string_view> take() {
    ++number;
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    return line;
  }
};

}  // namespace

std::string Proof::encode() const {
  std::string out = std::string(kMagic) + "\n";
  if (!extra.empty()) {
    out += kExtra;
    out += Botan::base64_encode(reinterpret_cast<const std::uint8_t*>(extra.data()), extra.size()) + "\n";
  }
  out.append(kIndex).append(std::to_string(index)).append(1, '\n');
  for (const merkle::Hash& hash : path) {
    out += merkle::to_base64(hash) + "\n";
  }
  return out + "\n" + checkpoint;
}

std::variant<Proof, ProofError> parse_proof(std::string_view bytes) {
  Proof proof;
  Lines lines{bytes};
  const auto wrong = [&](std::string reason) { return ProofError{lines.number, std::move(reason)}; };
  if (lines.take() != kMagic) {
    return wrong("it does not begin with " + std::string(kMagic));
  }
  auto line = lines.take();
  if (line && line->starts_with(kExtra)) {
    const auto extra = decode_base64(line->substr(kExtra.size()));
    if (!extra || extra->empty()) {
      return wrong("what follows `extra` is not canonical base64");
    }
    proof.extra.assign(extra->begin(), extra->end());
    line = lines.take();
  }
  const auto index =
      line && line->starts_with(kIndex) ? parse_decimal(line->substr(kIndex.size())) : std::nullopt;
  if (!index) {
    return wrong("there should be `index` and the number of an entry");
  }
  proof.index = *index;
  while ((line = lines.take()) && !line->empty()) {
    const auto hash = merkle::from_base64(*line);
    if (!hash || proof.path.size() == kMaxPath) {
      return wrong("there should be a hash of the path, or the empty line after it");
    }
    proof.path.push_back(*hash);
  }
  if (!line) {
    return wrong("it ends before its checkpoint");
  }
  proof.checkpoint = lines.rest;
  return proof;
}

std::optional<std::string> check_proof(const Proof& proof, std::string_view entry, std::string_view origin,
                                       std::span<const VerifierKey> keys) {
  const auto parsed = parse_note(proof.checkpoint);
  const auto* note = std::get_if<Note>(&parsed);
  if (note == nullptr) {
    return "the checkpoint is not a signed note: " + std::get<NoteError>(parsed).reason;
  }
  switch (verify_note(*note, keys)) {
    case Signed::valid:
      break;
    case Signed::unknown_key:
      return "the checkpoint is not signed by the log's key";
    case Signed::bad_signature:
      return "the checkpoint's signature is false";
  }
  const auto checkpoint = parse_checkpoint(note->text);
  if (!checkpoint || checkpoint->origin != origin) {
    return "the checkpoint is not one of " + std::string(origin);
  }
  if (!merkle::verify_inclusion(proof.index, checkpoint->size, merkle::leaf_hash(entry), proof.path,
                                checkpoint->root)) {
    return "the path does not lead from the entry to the checkpoint's root";
  }
  return std::nullopt;
}

}  // namespace chancery::note
