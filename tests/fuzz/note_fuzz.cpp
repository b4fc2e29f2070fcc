#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <variant>

#include "ledger/note/note.h"
#include "ledger/note/proof.h"

// What is accepted as a note, a checkpoint or a proof encodes to exactly its own bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chancery::note;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto result = parse_note(bytes);
  if (const auto* note = std::get_if<Note>(&result)) {
    const auto checkpoint = parse_checkpoint(note->text);
    if (note->encode() != bytes || (checkpoint && checkpoint->body() != note->text)) {
      std::abort();
    }
  }
  const auto parsed = parse_proof(bytes);
  const auto* proof = std::get_if<Proof>(&parsed);
  if (proof != nullptr && proof->encode() != bytes) {
    std::abort();
  }
  return 0;
}
