#include "ledger/log/rotation.h"

#include <algorithm>
#include <array>

#include <boost/endian/conversion.hpp>
#include <botan/hex.h>

namespace chancery::log {
namespace {

KeyChanged refused(std::string why) { return {Outcome::refused, 0, {}, std::move(why)}; }
KeyChanged busy(std::string why) { return {Outcome::busy, 0, {}, std::move(why)}; }

std::string hex(std::uint32_t id) {
  std::array<std::uint8_t, sizeof(id)> bytes{};
  boost::endian::store_big_u32(bytes.data(), id);
  return Botan::hex_encode(bytes.data(), bytes.size(), false);
}

std::string of(const note::VerifierKey& key) {
  return std::string(name_of(key.type())) + " key " + id_of(key);
}

entry::Event key_event(const char* name, const entry::EventId& id, const note::VerifierKey& key,
                       std::string last_trusted_size, const std::string& reason) {
  entry::Event event;
  event.id = id;
  event.name = name;
  event.plain = {{"vkey", key.text()}, {"last-trusted-size", std::move(last_trusted_size)}};
  event.committed = {{"reason", reason}};
  return event;
}

}  // namespace

KeyChanged Rotation::apply(const KeyChange& change) {
  try {
    const auto& reason = std::visit([](const auto& one) -> const std::string& { return one.reason; }, change);
    if (reason.size() > kMaxReasonBytes) return refused("a reason has at most 4,096 bytes");
    if (const Head head = writer_.head(); !head.writable) {
      return busy("the ledger takes no entries: " + head.reason);
    }
    writer_.keep_keys();
    if (keys_.handover()) return busy("the last change of the keys is not finished: the disk is full");
    auto changed = std::visit([this](const auto& one) { return apply(one); }, change);
    writer_.keep_keys();
    if (keys_.handover())
      changed.words = "it is in the ledger; its checkpoint is signed when the disk has room";
    return changed;
  } catch (const Error& error) {  // a key file that is not as it should be
    return refused(error.what());
  } catch (const store::Error& error) {
    if (error.fault() != store::Fault::full) writer_.refuse(error.what());
    return busy(error.what());
  } catch (const std::exception& error) {
    return refused(error.what());
  }
}

std::optional<KeyChanged> Rotation::repeated(const entry::EventId& id, std::string_view event) const {
  const auto snapshot = store_.snapshot();
  const auto seq = snapshot.find(id);
  if (!seq) return std::nullopt;
  entry::EntryView view;
  if (entry::parse_into(snapshot.entry(*seq), view) || view.event != event) {
    return refused("id " + entry::to_hex(id) + " is in the ledger with other fields");
  }
  return KeyChanged{Outcome::durable, *seq, std::string(view.plain_value("vkey").value_or("")),
                    "this was done already"};
}

KeyChanged Rotation::apply(const AddKey& add) {
  if (auto before = repeated(add.id, "log.key.add")) return *std::move(before);
  if (keys_.count(add.type, next_size()) >= kMaxGoodKeys) {
    return refused("there are " + std::to_string(kMaxGoodKeys) + " " + name_of(add.type) +
                   " keys already; retire one first");
  }
  if (keys_.named().size() >= note::kMaxNamedKeys)
    return refused("the ledger names 4,096 keys: begin its successor");
  note::SigningKey key = keys_.spare(add.type);
  const note::VerifierKey named = key.verifier();
  const auto appended = writer_.append_own([&](std::uint64_t seq) {
    return Writer::Own{key_event("log.key.add", add.id, named, "-", add.reason),
                       {{kKeyEntries, keys_.key_entries_with(seq)}, {kHandover, LogKeys::encode(seq)}}};
  });
  if (appended.outcome != Outcome::durable) return {appended.outcome, 0, named.text(), appended.reason};
  keys_.added(appended.seqs[0], std::move(key));
  return {Outcome::durable, appended.seqs[0], named.text(),
          "give the new log-policy to those who verify before you retire the old key"};
}

bool Rotation::has_other(std::size_t which, std::uint64_t size) const {
  const NamedKey& key = keys_.named()[which];
  return keys_.count(key.key.type(), size) > (key.is_good_for(size) ? 1U : 0U);
}

KeyChanged Rotation::apply(const RetireKey& retire) {
  if (auto before = repeated(retire.id, "log.key.retire")) return *std::move(before);
  const auto which = keys_.find(retire.key_id);
  if (!which) return refused("the ledger names no key " + hex(retire.key_id));
  const NamedKey& key = keys_.named()[*which];
  if (key.ended_by) {
    return {Outcome::durable, *key.ended_by, key.key.text(), "this key had ended already"};
  }
  return end({"log.key.retire", retire.id, *which, std::nullopt, retire.reason});
}

KeyChanged Rotation::apply(const RevokeKey& revoke) {
  if (auto before = repeated(revoke.id, "log.key.revoke")) return *std::move(before);
  const auto which = keys_.find(revoke.key_id);
  if (!which) return refused("the ledger names no key " + hex(revoke.key_id));
  const NamedKey& key = keys_.named()[*which];
  const std::uint64_t last = revoke.last_trusted_size;
  if (key.last_trusted_size && *key.last_trusted_size <= last) {
    return {Outcome::durable, *key.ended_by, key.key.text(),
            "this key is trusted up to " + std::to_string(*key.last_trusted_size) + " entries only already"};
  }
  if (last > writer_.head().size) {
    return refused("the last trusted size is at most the present one, " +
                   std::to_string(writer_.head().size));
  }
  return end({"log.key.revoke", revoke.id, *which, last, revoke.reason});
}

KeyChanged Rotation::end(const Ending& ending) {
  const note::VerifierKey key = keys_.named()[ending.which].key;
  if (!has_other(ending.which, next_size())) {
    return refused("the " + of(key) + " is the last good one of its kind; add another one first");
  }
  std::string words = "its file is destroyed; destroy the copies in backups, too";
  if (ending.last_trusted_size) {
    if (const auto least = drop_above(ending.which, *ending.last_trusted_size)) {
      return refused("the checkpoint of " + std::to_string(*least) +
                     " entries is kept for good, and no other " + name_of(key.type()) +
                     " key signed it: choose a last trusted size of at least " + std::to_string(*least));
    }
    words += hint_after_revoking(ending.which, *ending.last_trusted_size);
  }
  std::uint64_t last = 0;
  const auto appended = writer_.append_own([&](std::uint64_t seq) {
    last = ending.last_trusted_size.value_or(seq);
    return Writer::Own{key_event(ending.event, ending.id, key, std::to_string(last), ending.reason),
                       {{kKeyEntries, keys_.key_entries_with(seq)}}};
  });
  if (appended.outcome != Outcome::durable) return {appended.outcome, 0, key.text(), appended.reason};
  keys_.ended(ending.which, last, appended.seqs[0]);
  return {Outcome::durable, appended.seqs[0], key.text(), std::move(words)};
}

std::optional<std::uint64_t> Rotation::drop_above(std::size_t which, std::uint64_t last) {
  std::optional<std::uint64_t> least;
  store::Batch batch;
  {
    const auto snapshot = store_.snapshot();
    snapshot.visit_checkpoints(last + 1, 0, [&](std::uint64_t size, entry::Micros time, std::string_view) {
      if (!keys_.named()[which].is_good_for(size) || has_other(which, size)) return true;
      if (is_anchored(snapshot, size)) least = size;
      batch.dropped_checkpoints.push_back({size, time});
      return true;
    });
  }
  if (!least && !batch.dropped_checkpoints.empty()) store_.commit(batch);
  return least;
}

std::string Rotation::hint_after_revoking(std::size_t which, std::uint64_t last) const {
  const NamedKey& ended = keys_.named()[which];
  for (std::size_t i = 0; i < keys_.named().size(); ++i) {
    const NamedKey& other = keys_.named()[i];
    const bool good = other.key.type() == ended.key.type() && other.is_good_for(next_size());
    if (i != which && good && other.seq < last) return {};
  }
  return "; no checkpoint that it is trusted for names a later " + std::string(name_of(ended.key.type())) +
         " key, so give the present log-policy again to everybody who has the old one";
}

}  // namespace chancery::log
