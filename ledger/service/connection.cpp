#include "ledger/service/connection.h"

#include <algorithm>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>

#include "ledger/service/journal.h"

namespace chancery::service {
namespace {

constexpr std::size_t kMaxUnanswered = 4096;               // requests of one connection
constexpr std::size_t kMaxUnsent = std::size_t{16} << 20;  // bytes of replies

// There may be many readers, and every answer may be a megabyte: what they leave unread must fit in memory.
constexpr std::size_t kMaxUnsentOfReader = std::size_t{1} << 20;

// A buffer that was longer is given back.
constexpr std::size_t kKeptBuffer = std::size_t{64} << 10;

// A frame's memory is taken when its length is read. A hello is shorter, as is all that a reader, of whom
// there may be many, may ask.
constexpr std::size_t kMaxHello = 64;
constexpr std::size_t kMaxOfReader = 4096;

// Who may ask what, in the order of Question: a row for each verb, a column for each Role.
struct Right {
  const char* verb;
  bool hub, administrator, reader;
};
constexpr Right kRights[] = {
    {"hello", false, false, false},  // once, before everything else
    {"append", true, true, false},      {"head", true, true, true},
    {"entries", true, true, true},      {"find", true, true, true},
    {"inclusion", true, true, true},    {"consistency", true, true, true},
    {"checkpoint", true, true, true},   {"checkpoints", true, true, true},
    {"hashes", true, true, true},       {"keys", true, true, true},
    {"add key", false, true, false},    {"retire key", false, true, false},
    {"revoke key", false, true, false}, {"holds", true, true, true},
    {"erase", false, true, false},      {"change hold", false, true, false},
};
static_assert(std::size(kRights) == std::variant_size_v<Question>);

bool may(Role role, std::size_t verb) {
  const Right& right = kRights[verb];
  switch (role) {
    case Role::hub:
      return right.hub;
    case Role::administrator:
      return right.administrator;
    case Role::reader:
      return right.reader;
  }
  return false;
}

Outcome outcome_of(log::Outcome outcome) {
  return outcome == log::Outcome::durable   ? Outcome::durable
         : outcome == log::Outcome::unknown ? Outcome::unknown
                                            : Outcome::refused;
}

Appended appended_of(log::Appended&& from) {
  Appended to;
  to.outcome = outcome_of(from.outcome);
  to.try_again = from.outcome == log::Outcome::busy;
  to.seqs = std::move(from.seqs);
  to.times = std::move(from.times);
  to.reason = std::move(from.reason);
  return to;
}

}  // namespace

Connection::Connection(Hall& hall, Socket socket, uid_t peer)
    : hall_(hall), socket_(std::move(socket)), timer_(hall.io), peer_(peer) {}

void Connection::start(std::chrono::milliseconds hello_within) {
  timer_.expires_after(hello_within);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error && !self->role_) self->end("said no hello in time");
  });
  read_prefix();
}

void Connection::finish() {
  finishing_ = true;
  if (idle()) end(nullptr);
}

void Connection::end(const char* why) {
  if (ended_) return;
  ended_ = true;
  if (why != nullptr) {
    say(Priority::notice, "a connection of uid " + std::to_string(peer_) + " is ended: it " + why);
  }
  boost::system::error_code ignored;
  timer_.cancel();
  socket_.close(ignored);
  hall_.gone(this);
}

void Connection::read_prefix() {
  if (reading_ || ended_ || finishing_ || greeting_) return;
  if (holds_enough()) return;
  reading_ = true;
  asio::async_read(socket_, asio::buffer(prefix_),
                   [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                     if (error) return self->end(nullptr);
                     const auto length = frame_length(self->prefix_);
                     if (!length) return self->end("sent a frame of impossible length");
                     if (!self->role_ && *length > kMaxHello)
                       return self->end("sent something else before hello");
                     if (self->role_ == Role::reader && *length > kMaxOfReader)
                       return self->end("sent a longer frame than a reader has any use for");
                     self->read_body(*length);
                   });
}

bool Connection::holds_enough() const {
  const std::size_t unsent = sending_.size() + waiting_.size();
  return unanswered_ >= kMaxUnanswered || unsent > (role_ == Role::reader ? kMaxUnsentOfReader : kMaxUnsent);
}

void Connection::read_body(std::size_t length) {
  body_.resize(length);
  asio::async_read(socket_, asio::buffer(body_),
                   [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                     if (error) return self->end(nullptr);
                     self->reading_ = false;
                     auto request = parse_request(self->body_);
                     if (!request) return self->end("sent a malformed frame");
                     self->serve(*std::move(request));
                     self->go_on();
                   });
}

// Reads on when there is room, and closes when all is done after finish().
void Connection::go_on() {
  if (ended_) return;
  if (!reading_ && body_.capacity() > (std::size_t{1} << 20)) body_ = {};
  if (finishing_ && idle()) return end(nullptr);
  read_prefix();
}

void Connection::serve(Request request) {
  if (ended_ || finishing_) return;
  ++unanswered_;
  const bool hello = std::holds_alternative<Hello>(request.question);
  if (hello == role_.has_value()) return end(hello ? "said hello twice" : "said something else before hello");
  if (!hello && !may(*role_, request.question.index())) {
    return refuse(request.id, std::string("this role may not ask ") + kRights[request.question.index()].verb);
  }
  try {
    std::visit([&](auto& question) { answer(request.id, question); }, request.question);
  } catch (const std::exception& error) {  // a damaged row: the ledger's, not the peer's fault
    say(Priority::error, error.what());
    refuse(request.id, error.what());
  }
}

Head Connection::head() const {
  const log::Head now = hall_.log.head();
  return {now.size, now.root, hall_.log.origin(), now.writable, now.reason, now.warning};
}

void Connection::answer(std::uint64_t id, const Hello& hello) {
  if (!hall_.admits(hello.role, peer_)) {
    say(Priority::warning, "uid " + std::to_string(peer_) + " asked for a role that is not its own");
    finishing_ = true;
    return refuse(id, "uid " + std::to_string(peer_) + " may not take this role");
  }
  role_ = hello.role;
  greeting_ = true;
  timer_.cancel();
  hall_.takes_role(hello.role, shared_from_this());
  // What the connection before it had queued is answered first, so that the head counts all of it.
  hall_.log.when_drained([self = shared_from_this(), id] {
    asio::post(self->hall_.io, [self, id] {
      self->greeting_ = false;
      self->reply(id, self->head());
      self->go_on();
    });
  });
}

void Connection::answer(std::uint64_t id, Append& append) {
  const auto author = *role_ == Role::hub ? entry::Author::hub : entry::Author::administrator;
  hall_.log.submit(author, std::move(append.batch), [self = shared_from_this(), id](log::Appended appended) {
    asio::post(self->hall_.io, [self, id, answer = appended_of(std::move(appended))]() mutable {
      self->reply(id, std::move(answer));
      self->go_on();
    });
  });
}

void Connection::answer(std::uint64_t id, const GetHead&) { reply(id, head()); }

// By user, not by role: who may take the role hub or administrator can read openings with it anyway, and as a
// reader does so without ending the connection that has the role.
bool Connection::may_read_openings() const {
  return hall_.admits(Role::hub, peer_) || hall_.admits(Role::administrator, peer_);
}

void Connection::answer(std::uint64_t id, const GetEntries& range) {
  if (range.with_openings && !may_read_openings())
    return refuse(id, "openings are for hub and administrator only");
  reply(id, [&] {
    std::string frame;
    bool whole = false;
    while (!whole) {
      frame = encode_entries(id, [&](const AddEntry& add) {
        whole = hall_.log.visit_entries(range.from, range.count, range.with_openings, add);
      });
    }
    return frame;
  });
}

void Connection::answer(std::uint64_t id, const Find& find) {
  reply(id, FoundReply{hall_.log.find(find.id)});
}

void Connection::answer(std::uint64_t id, const GetInclusion& proof) {
  auto hashes = hall_.log.inclusion(proof.seq, proof.size);
  if (!hashes) return refuse(id, "the ledger has no such tree");
  reply(id, ProofReply{*std::move(hashes)});
}

void Connection::answer(std::uint64_t id, const GetConsistency& proof) {
  auto hashes = hall_.log.consistency(proof.old_size, proof.size);
  if (!hashes) return refuse(id, "the ledger has no such trees");
  reply(id, ProofReply{*std::move(hashes)});
}

void Connection::answer(std::uint64_t id, const GetCheckpoint&) {
  reply(id, CheckpointReply{hall_.log.checkpoint()});
}

void Connection::answer(std::uint64_t id, const GetCheckpoints& range) {
  CheckpointsReply found;
  for (store::StoredCheckpoint& one : hall_.log.checkpoints(range.from_size, range.from_time, range.count)) {
    found.checkpoints.push_back({one.size, one.time, std::move(one.note)});
  }
  reply(id, std::move(found));
}

void Connection::answer(std::uint64_t id, const GetHashes& range) {
  reply(id, HashesReply{hall_.log.hashes(range.from, range.count)});
}

void Connection::answer(std::uint64_t id, const GetKeys&) {
  KeysReply found;
  for (log::LogKey& one : hall_.log.keys()) {
    found.keys.push_back({one.seq, std::move(one.vkey), one.last_trusted_size});
  }
  reply(id, std::move(found));
}

void Connection::answer(std::uint64_t id, AddKey& add) {
  change_key(id, log::AddKey{add.id, add.type, std::move(add.reason)});
}

void Connection::answer(std::uint64_t id, RetireKey& retire) {
  change_key(id, log::RetireKey{retire.id, retire.key_id, std::move(retire.reason)});
}

void Connection::answer(std::uint64_t id, RevokeKey& revoke) {
  change_key(id,
             log::RevokeKey{revoke.id, revoke.key_id, revoke.last_trusted_size, std::move(revoke.reason)});
}

void Connection::change_key(std::uint64_t id, log::KeyChange change) {
  hall_.log.change_key(std::move(change), [self = shared_from_this(), id](const log::KeyChanged& changed) {
    asio::post(self->hall_.io, [self, id, changed] {
      if (changed.outcome == log::Outcome::durable) {
        say(Priority::notice, "the keys were changed by entry " + std::to_string(changed.seq));
      }
      self->reply(id, KeyChanged{outcome_of(changed.outcome), changed.seq, changed.vkey, changed.words,
                                 changed.outcome == log::Outcome::busy});
      self->go_on();
    });
  });
}

void Connection::answer(std::uint64_t id, const GetHolds&) {
  HoldsReply found;
  for (log::Hold& one : hall_.log.holds()) {
    found.holds.push_back({std::move(one.seqs), std::move(one.basis)});
  }
  reply(id, std::move(found));
}

void Connection::answer(std::uint64_t id, Erase& erase) {
  log::Erase request{std::move(erase.seqs), std::move(erase.basis), std::move(erase.reference)};
  hall_.log.erase(std::move(request), [self = shared_from_this(), id](log::Appended appended) {
    asio::post(self->hall_.io, [self, id, answer = appended_of(std::move(appended))]() mutable {
      if (answer.outcome == Outcome::durable) {
        say(Priority::notice, "details were erased by entry " + std::to_string(answer.seqs.back()));
      }
      self->reply(id, std::move(answer));
      self->go_on();
    });
  });
}

void Connection::answer(std::uint64_t id, HoldChange& change) {
  log::HoldChange asked{change.set, std::move(change.seqs), std::move(change.basis),
                        std::move(change.officer), std::move(change.reason)};
  hall_.log.change_hold(std::move(asked), [self = shared_from_this(), id](log::Appended appended) {
    asio::post(self->hall_.io, [self, id, answer = appended_of(std::move(appended))]() mutable {
      self->reply(id, std::move(answer));
      self->go_on();
    });
  });
}

void Connection::reply(std::uint64_t id, Answer answer) {
  reply(id, [&] { return encode(Reply{id, std::move(answer)}); });
}

void Connection::reply(std::uint64_t id, const std::function<std::string()>& frame) {
  if (ended_) return;
  std::string made;
  try {
    made = frame();
  } catch (const std::length_error&) {
    made = encode(Reply{id, Refusal{"the answer would be longer than a frame"}});
  }
  --unanswered_;
  if (waiting_.empty())
    waiting_ = std::move(made);
  else
    waiting_ += made;
  send();
}

void Connection::send() {
  if (!sending_.empty() || waiting_.empty() || ended_) return;
  sending_.swap(waiting_);
  send_rest(0);
}

void Connection::send_rest(std::size_t sent) {
  if (ended_) return;
  if (sent < sending_.size()) {
    let_go_unless_read();
    socket_.async_write_some(
        asio::buffer(sending_) + sent,
        [self = shared_from_this(), sent](const boost::system::error_code& error, std::size_t more) {
          if (error) return self->end(nullptr);
          self->send_rest(sent + more);
        });
    return;
  }
  timer_.cancel();
  sending_.clear();
  if (sending_.capacity() > kKeptBuffer) sending_.shrink_to_fit();
  send();
  go_on();
}

// Begins the time anew with every byte that is taken. Only the hub's connection is never ended by it: what
// the hub appends is worth more than the memory of one connection.
void Connection::let_go_unless_read() {
  if (role_ == Role::hub) return;
  timer_.expires_after(hall_.read_within);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (error || self->sending_.empty() || self->timer_.expiry() > asio::steady_timer::clock_type::now())
      return;
    self->end("did not read what it asked for");
  });
}

}  // namespace chancery::service
