#include <algorithm>

#include "ledger/entry/event_table.h"
#include "ledger/note/proof.h"
#include "ledger/receipt/receipt.h"

namespace chancery::receipt {
namespace {

Failure wrong(std::string reason) { return {Failure::Kind::wrong, std::move(reason)}; }
Failure unreadable(std::string reason) { return {Failure::Kind::unreadable, std::move(reason)}; }

// What is wrong with the checkpoint, which must be one of the log whose keys were given.
std::optional<Failure> check_origin(const note::Checkpoint& checkpoint,
                                    std::span<const note::VerifierKey> keys) {
  const std::string& origin = keys.front().name();
  if (!std::ranges::all_of(keys, [&](const note::VerifierKey& key) { return key.name() == origin; })) {
    return unreadable("the keys given are of more than one log");
  }
  if (checkpoint.origin != origin) {
    return wrong("its checkpoint is one of " + checkpoint.origin + ", and the keys given are of " + origin);
  }
  return std::nullopt;
}

std::optional<std::string> check_known_event(std::string_view text) {
  entry::EntryView view;
  if (const auto error = entry::parse_into(text, view)) {
    return error->reason;
  }
  const entry::EventRow* row = entry::find_event(view.event);
  return row == nullptr ? std::nullopt : entry::check_fields(view, *row);
}

}  // namespace

std::variant<Receipt, Failure> check(std::string_view bytes, std::span<const note::VerifierKey> keys,
                                     const note::LogPolicy* policy) {
  if (keys.empty()) {
    return unreadable("no key of the log was given");
  }
  const auto parsed = note::parse_proof(bytes);
  if (const auto* error = std::get_if<note::ProofError>(&parsed)) {
    return unreadable("line " + std::to_string(error->line) + ": " + error->reason);
  }
  const auto& proof = std::get<note::Proof>(parsed);
  if (proof.extra.empty()) {
    return unreadable("line 2: there is no entry in it");
  }
  auto entry = entry::parse(proof.extra);
  if (const auto* error = std::get_if<entry::ParseError>(&entry)) {
    return wrong("its entry, at byte " + std::to_string(error->offset) + ": " + error->reason);
  }
  Receipt receipt{std::get<entry::Entry>(std::move(entry)), {}};
  if (receipt.entry.seq != proof.index) {
    return wrong("its entry is number " + std::to_string(receipt.entry.seq) +
                 ", and its path that of number " + std::to_string(proof.index));
  }
  const auto note = note::parse_note(proof.checkpoint);
  if (const auto* error = std::get_if<note::NoteError>(&note)) {
    return wrong("its checkpoint, at byte " + std::to_string(error->offset) + ": " + error->reason);
  }
  auto checkpoint = note::parse_checkpoint(std::get<note::Note>(note).text);
  if (!checkpoint) {
    return wrong("its checkpoint is not a tree head");
  }
  receipt.checkpoint = *std::move(checkpoint);
  if (auto failure = check_origin(receipt.checkpoint, keys)) {
    return *std::move(failure);
  }
  if (note::verify_note(std::get<note::Note>(note), keys) == note::Signed::unknown_key) {
    return Failure{Failure::Kind::not_signed, "its checkpoint is not signed by the keys given"};
  }
  if (const auto why = note::check_proof(proof, proof.extra, keys.front().name(), keys)) {
    return wrong(*why);
  }
  if (const auto why = policy == nullptr ? std::nullopt : policy->refuses(std::get<note::Note>(note))) {
    return Failure{Failure::Kind::not_signed, "its checkpoint does not meet the policy: " + *why};
  }
  if (const auto why = check_known_event(proof.extra)) {
    return wrong("its entry is no " + receipt.entry.event + ": " + *why);
  }
  return receipt;
}

Opened check_openings(std::string_view text, const Receipt& receipt) {
  const entry::Entry& entry = receipt.entry;
  Opened opened;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const auto line = end == std::string_view::npos ? std::nullopt : opening::parse_line(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const auto find = [&](const std::string& what) {
      opened.findings.push_back("line " + std::to_string(number) + ": " + what);
    };
    if (!line) {
      find(end == std::string_view::npos ? "it does not end in a line feed: the file is cut off"
                                         : "it is no opening");
    } else if (line->seq != entry.seq) {
      find("it is of entry " + std::to_string(line->seq) + ", not of " + std::to_string(entry.seq));
    } else if (const auto committed = entry.commitments.find(line->field);
               committed == entry.commitments.end()) {
      find("the entry has no field " + line->field);
    } else if (!opening::opens(line->opening, committed->second, receipt.checkpoint.origin, entry.id,
                               line->field)) {
      find(line->field + " is not what the entry was made with");
    } else if (!opened.values.emplace(line->field, line->opening.value).second) {
      find(line->field + " is opened twice");
    }
  }
  return opened;
}

}  // namespace chancery::receipt
