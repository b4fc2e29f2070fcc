#include "ledger/service/client.h"

#include <array>
#include <atomic>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>

#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "ledger/entry/event_table.h"
#include "ledger/service/frame.h"

namespace chancery::service {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using Socket = asio::local::stream_protocol::socket;

constexpr auto kAnswerWithin = std::chrono::seconds(10);
constexpr auto kChangedWithin = std::chrono::seconds(60);  // keys and holds
constexpr auto kErasedWithin = std::chrono::minutes(10);
constexpr auto kFirstPause = std::chrono::milliseconds(50);
constexpr auto kLongestPause = std::chrono::milliseconds(2000);

// What to do with the answer; nullopt when there is none, and why.
using Take = std::function<void(std::optional<Answer>, const std::string& why)>;
// The bytes of an EntriesReply, not yet looked at.
using Page = std::vector<std::uint8_t>;
using TakePage = std::function<void(Page)>;

constexpr std::uint32_t kPageEntries = 128;  // such that a page is made and read in the processor's cache
constexpr std::size_t kPagesAhead = 4;

struct Call {
  std::uint64_t id = 0;
  std::string frame;
  Clock::time_point deadline;
  Take take;
  std::function<void(const std::string& why)> unsent = {};  // instead of `take`, when there was no connection
  TakePage take_page = {};                                  // instead of `take`, when the answer is entries
};

struct Outstanding {
  Take take;
  TakePage take_page;
};

// One connection and its buffers; handlers of an earlier one keep it alive until they have run.
struct Link {
  explicit Link(asio::io_context& io) : socket(io) {}
  Socket socket;
  std::string sending, waiting;
  std::vector<std::uint8_t> received;
  std::array<std::uint8_t, std::size_t{1} << 16> chunk{};
};

std::string why_not(const std::filesystem::path& path, const std::string& what) {
  return path.string() + ": the ledger service does not answer (" + what + "); is chancery-ledgerd running?";
}

}  // namespace

struct Client::State : std::enable_shared_from_this<Client::State> {
  State(std::filesystem::path path, Role claimed) : socket_path(std::move(path)), role(claimed) {}

  // From any thread: one wake-up for however many calls come before the client's thread looks.
  void call(Call made) {
    bool first = false;
    {
      const std::scoped_lock lock(mutex);
      first = inbox.empty();
      inbox.push_back(std::move(made));
    }
    if (first) asio::post(io, [this] { take_inbox(); });
  }

  // The rest runs on the client's thread only.
  void take_inbox() {
    std::vector<Call> calls;
    {
      const std::scoped_lock lock(mutex);
      calls.swap(inbox);
    }
    for (Call& made : calls) {
      if (stopped || !connect()) {  // nothing was sent, so this is certain
        const std::string why = stopped ? "the client is closing" : reason;
        made.unsent ? made.unsent(why) : made.take(std::nullopt, why);
        continue;
      }
      link->waiting += made.frame;
      deadlines.emplace(made.deadline, made.id);
      outstanding.emplace(made.id, Outstanding{std::move(made.take), std::move(made.take_page)});
    }
    send();
    arm();
  }

  bool connect() {
    if (link) return true;
    const auto now = Clock::now();
    if (now < not_before) return false;
    auto fresh = std::make_shared<Link>(io);
    boost::system::error_code error;
    fresh->socket.open(asio::local::stream_protocol(), error);
    if (!error) fresh->socket.native_non_blocking(true, error);
    if (!error && socket_path.native().size() < 108) {
      fresh->socket.connect(asio::local::stream_protocol::endpoint(socket_path.string()), error);
    } else if (!error) {
      error = asio::error::name_too_long;
    }
    if (error) {
      reason = why_not(socket_path, error.message());
      put_off();
      return false;
    }
    link = std::move(fresh);
    const std::uint64_t id = next_id++;
    link->waiting = encode(Request{id, Hello{role}});
    deadlines.emplace(now + kAnswerWithin, id);
    const auto take = [this](const std::optional<Answer>& answer, const std::string&) { greeted(answer); };
    outstanding.emplace(id, Outstanding{take, {}});
    receive(link);
    return true;
  }

  void put_off() {
    pause = std::min<Clock::duration>(std::max<Clock::duration>(2 * pause, kFirstPause), kLongestPause);
    not_before = Clock::now() + pause;
  }

  void greeted(const std::optional<Answer>& answer) {
    if (answer && std::holds_alternative<Head>(*answer)) {
      pause = {};
      greeted_link = true;
      return;
    }
    if (!answer) return;  // lost or too late: lose() has been or will be called
    const auto* refusal = std::get_if<Refusal>(&*answer);
    lose(refusal != nullptr ? refusal->reason : "no answer to hello");
  }

  // The connection is gone, and with it every answer that was to come.
  void lose(const std::string& what) {
    if (!link) return;
    boost::system::error_code ignored;
    link->socket.close(ignored);
    link.reset();
    reason = why_not(socket_path, what);
    if (!std::exchange(greeted_link, false)) put_off();  // one that worked may be made again at once
    deadlines.clear();
    const auto lost = std::exchange(outstanding, {});
    for (const auto& [id, call] : lost) call.take(std::nullopt, reason);
  }

  void receive(const std::shared_ptr<Link>& on) {
    on->socket.async_read_some(asio::buffer(on->chunk),
                               [this, on](const boost::system::error_code& error, std::size_t count) {
                                 if (on != link) return;
                                 if (error) return lose(error.message());
                                 on->received.insert(on->received.end(), on->chunk.begin(),
                                                     on->chunk.begin() + static_cast<std::ptrdiff_t>(count));
                                 if (!take_frames(*on))
                                   return lose("it sent something that is not an answer");
                                 if (on == link) receive(on);
                               });
  }

  bool take_frames(Link& on) {
    std::size_t at = 0;
    while (link.get() == &on && on.received.size() - at >= kPrefixBytes) {
      const std::span<const std::uint8_t> rest = std::span(on.received).subspan(at);
      const auto length = frame_length(rest.first<kPrefixBytes>());
      if (!length) return false;
      if (rest.size() - kPrefixBytes < *length) break;
      const auto frame = rest.subspan(kPrefixBytes, *length);
      at += kPrefixBytes + *length;
      if (answer_page(frame)) continue;
      auto reply = parse_reply(frame);
      if (!reply) return false;
      answer(*std::move(reply));
    }
    on.received.erase(on.received.begin(), on.received.begin() + static_cast<std::ptrdiff_t>(at));
    return true;
  }

  // Whoever waits for a page reads it, so that this thread can go on.
  bool answer_page(std::span<const std::uint8_t> frame) {
    const auto head = parse_head(frame);
    const auto found = head && head->entries ? outstanding.find(head->id) : outstanding.end();
    if (found == outstanding.end() || !found->second.take_page) return false;
    const TakePage take = std::move(found->second.take_page);
    outstanding.erase(found);
    take(Page(frame.begin(), frame.end()));
    return true;
  }

  void answer(Reply reply) {
    const auto found = outstanding.find(reply.id);
    if (found == outstanding.end()) return;  // its deadline had passed
    const Take take = std::move(found->second.take);
    outstanding.erase(found);
    take(std::move(reply.answer), "");
  }

  void send() {
    if (!link || !link->sending.empty() || link->waiting.empty()) return;
    link->sending.swap(link->waiting);
    asio::async_write(link->socket, asio::buffer(link->sending),
                      [this, on = link](const boost::system::error_code& error, std::size_t) {
                        if (on != link) return;
                        if (error) return lose(error.message());
                        on->sending.clear();
                        send();
                      });
  }

  // One timer for all deadlines.
  void arm() {
    while (!deadlines.empty() && !outstanding.contains(deadlines.begin()->second))
      deadlines.erase(deadlines.begin());
    if (deadlines.empty() || deadlines.begin()->first == armed_for) return;
    armed_for = deadlines.begin()->first;
    timer.expires_at(armed_for);
    timer.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      armed_for = {};
      expire();
      arm();
    });
  }

  void expire() {
    const auto now = Clock::now();
    while (!deadlines.empty() && deadlines.begin()->first <= now) {
      const auto found = outstanding.find(deadlines.begin()->second);
      deadlines.erase(deadlines.begin());
      if (found == outstanding.end()) continue;
      const Take take = std::move(found->second.take);
      outstanding.erase(found);
      take(std::nullopt, why_not(socket_path, "not in time"));
    }
  }

  void stop() {
    stopped = true;
    lose("the client is closing");
    take_inbox();
    timer.cancel();
    guard.reset();
  }

  const std::filesystem::path socket_path;
  const Role role;
  std::mutex mutex;
  std::vector<Call> inbox;  // guarded by mutex
  std::atomic<std::uint64_t> next_id = 1;
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard{io.get_executor()};
  asio::steady_timer timer{io};
  std::shared_ptr<Link> link;
  std::unordered_map<std::uint64_t, Outstanding> outstanding;
  std::multimap<Clock::time_point, std::uint64_t> deadlines;
  Clock::time_point armed_for{};
  Clock::time_point not_before{};
  Clock::duration pause{};
  std::string reason;
  bool greeted_link = false;
  bool stopped = false;
  std::thread thread;
};

Client::Client(std::filesystem::path socket, Role role)
    : state_(std::make_shared<State>(std::move(socket), role)) {
  state_->thread = std::thread([state = state_.get()] { state->io.run(); });
}

Client::~Client() {
  asio::post(state_->io, [state = state_.get()] { state->stop(); });
  state_->thread.join();
}

namespace {

std::optional<std::string> refusal(const std::vector<entry::Event>& batch) {
  if (batch.empty() || batch.size() > kMaxBatch) return "a batch has 1 to 1,024 events";
  for (const entry::Event& event : batch) {
    if (auto wrong = entry::check_event(event)) return wrong;
  }
  return std::nullopt;
}

Appended refused(std::string reason) { return {Outcome::refused, {}, {}, std::move(reason), false}; }

}  // namespace

namespace {

// Sends what is answered by Appended. What was sent and is not answered is unknown, what was not sent is
// refused.
template <typename State>
void submit_question(State& state, Question question, std::chrono::milliseconds deadline, std::size_t count,
                     Client::Done done) {
  Call call;
  call.id = state.next_id++;
  call.deadline = Clock::now() + deadline;
  try {
    call.frame = encode(Request{call.id, std::move(question)});
  } catch (const std::length_error& error) {
    return done(refused(error.what()));
  }
  call.unsent = [done](const std::string& why) { done({Outcome::refused, {}, {}, why, true}); };
  call.take = [done = std::move(done), count](std::optional<Answer> answer, const std::string& why) {
    if (!answer) return done({Outcome::unknown, {}, {}, why, false});
    if (auto* appended = std::get_if<Appended>(&*answer)) {
      const bool whole = appended->outcome != Outcome::durable || appended->seqs.size() == count;
      return done(whole ? std::move(*appended) : Appended{Outcome::unknown, {}, {}, "not an answer", false});
    }
    if (auto* no = std::get_if<Refusal>(&*answer)) return done(refused(std::move(no->reason)));
    done({Outcome::unknown, {}, {}, "not an answer", false});
  };
  state.call(std::move(call));
}

}  // namespace

void Client::submit(std::vector<entry::Event> batch, std::chrono::milliseconds deadline, Done done) {
  if (auto why = refusal(batch)) return done(refused(*std::move(why)));
  const std::size_t count = batch.size();
  submit_question(*state_, Append{std::move(batch)}, deadline, count, std::move(done));
}

Appended Client::append(std::vector<entry::Event> batch, std::chrono::milliseconds deadline) {
  std::promise<Appended> answer;
  auto future = answer.get_future();
  submit(std::move(batch), deadline, [&](Appended appended) { answer.set_value(std::move(appended)); });
  return future.get();
}

namespace {

std::exception_ptr no_answer(const std::optional<Answer>& got, const std::string& why) {
  const auto* no = got ? std::get_if<Refusal>(&*got) : nullptr;
  return std::make_exception_ptr(Unavailable(no != nullptr ? no->reason
                                             : got         ? "it said something that is not an answer"
                                                           : why));
}

// Asks and waits for an answer of the kind `Wanted`.
template <typename Wanted, typename State>
Wanted ask(State& state, Question question) {
  auto answer = std::make_shared<std::promise<Wanted>>();
  auto future = answer->get_future();
  const std::uint64_t id = state.next_id++;
  const auto take = [answer](std::optional<Answer> got, const std::string& why) {
    if (got && std::holds_alternative<Wanted>(*got))
      return answer->set_value(std::get<Wanted>(std::move(*got)));
    answer->set_exception(no_answer(got, why));
  };
  state.call({id, encode(Request{id, std::move(question)}), Clock::now() + kAnswerWithin, take});
  return future.get();
}

template <typename State>
std::future<Page> ask_page(State& state, const GetEntries& range) {
  auto answer = std::make_shared<std::promise<Page>>();
  auto future = answer->get_future();
  const std::uint64_t id = state.next_id++;
  const auto take = [answer](const std::optional<Answer>& got, const std::string& why) {
    answer->set_exception(no_answer(got, why));
  };
  const auto take_page = [answer](Page page) { answer->set_value(std::move(page)); };
  state.call({id, encode(Request{id, range}), Clock::now() + kAnswerWithin, take, {}, take_page});
  return future;
}

// As submit(): what was sent and is not answered is unknown, what was not sent is refused.
template <typename State>
KeyChanged change_key(State& state, Question question) {
  const auto refused = [](std::string why, bool try_again) {
    return KeyChanged{Outcome::refused, 0, {}, std::move(why), try_again};
  };
  auto answer = std::make_shared<std::promise<KeyChanged>>();
  auto future = answer->get_future();
  Call call;
  call.id = state.next_id++;
  call.deadline = Clock::now() + kChangedWithin;
  try {
    call.frame = encode(Request{call.id, std::move(question)});
  } catch (const std::length_error& error) {
    return refused(error.what(), false);
  }
  call.unsent = [answer, refused](const std::string& why) { answer->set_value(refused(why, true)); };
  call.take = [answer, refused](std::optional<Answer> got, const std::string& why) {
    if (auto* changed = got ? std::get_if<KeyChanged>(&*got) : nullptr) {
      return answer->set_value(std::move(*changed));
    }
    const auto* no = got ? std::get_if<Refusal>(&*got) : nullptr;
    if (no != nullptr) return answer->set_value(refused(no->reason, false));
    answer->set_value({Outcome::unknown, 0, {}, got ? "not an answer" : why, false});
  };
  state.call(std::move(call));
  return future.get();
}

}  // namespace

Head Client::head() { return ask<Head>(*state_, GetHead{}); }

std::vector<StoredEntry> Client::entries(std::uint64_t from, std::uint32_t count, bool with_openings) {
  return ask<EntriesReply>(*state_, GetEntries{from, count, with_openings}).entries;
}

// A page may have fewer entries than it was asked for: then the rest of it is asked for again.
void Client::visit_entries(std::uint64_t from, std::uint64_t end, bool with_openings,
                           const std::function<void(std::uint64_t, const EntryView&)>& visit) {
  std::deque<std::future<Page>> ahead;
  for (std::uint64_t asked = from; from < end;) {
    const std::uint64_t page_end = std::min(end, from + kPageEntries);
    for (; asked < end && ahead.size() < kPagesAhead; asked += kPageEntries)
      ahead.push_back(ask_page(*state_, {asked, kPageEntries, with_openings}));
    Page page = ahead.front().get();
    ahead.pop_front();
    for (;;) {
      const std::uint64_t before = from;
      const bool whole = service::visit_entries(page, [&](const EntryView& one) {
        if (from < page_end) visit(from++, one);
      });
      if (!whole || from == before)
        throw Unavailable("the ledger service gave no entry " + std::to_string(from));
      if (from == page_end) break;
      page = ask_page(*state_, {from, static_cast<std::uint32_t>(page_end - from), with_openings}).get();
    }
  }
}

std::optional<std::uint64_t> Client::find(const entry::EventId& id) {
  return ask<FoundReply>(*state_, Find{id}).seq;
}

std::vector<merkle::Hash> Client::inclusion(std::uint64_t seq, std::uint64_t size) {
  return ask<ProofReply>(*state_, GetInclusion{seq, size}).hashes;
}

std::vector<merkle::Hash> Client::consistency(std::uint64_t old_size, std::uint64_t size) {
  return ask<ProofReply>(*state_, GetConsistency{old_size, size}).hashes;
}

std::optional<std::string> Client::checkpoint() {
  return ask<CheckpointReply>(*state_, GetCheckpoint{}).note;
}

std::vector<StoredCheckpoint> Client::checkpoints(std::uint64_t from_size, entry::Micros from_time,
                                                  std::uint32_t count) {
  return ask<CheckpointsReply>(*state_, GetCheckpoints{from_size, from_time, count}).checkpoints;
}

std::vector<merkle::Hash> Client::hashes(std::uint64_t from, std::uint32_t count) {
  return ask<HashesReply>(*state_, GetHashes{from, count}).hashes;
}

std::vector<LogKey> Client::keys() { return ask<KeysReply>(*state_, GetKeys{}).keys; }

KeyChanged Client::add_key(const entry::EventId& id, note::KeyType type, std::string reason) {
  return change_key(*state_, AddKey{id, type, std::move(reason)});
}

KeyChanged Client::retire_key(const entry::EventId& id, std::uint32_t key_id, std::string reason) {
  return change_key(*state_, RetireKey{id, key_id, std::move(reason)});
}

KeyChanged Client::revoke_key(const entry::EventId& id, std::uint32_t key_id, std::uint64_t last_trusted_size,
                              std::string reason) {
  return change_key(*state_, RevokeKey{id, key_id, last_trusted_size, std::move(reason)});
}

std::vector<Hold> Client::holds() { return ask<HoldsReply>(*state_, GetHolds{}).holds; }

Appended Client::erase(std::string seqs, std::string basis, std::string reference) {
  std::promise<Appended> answer;
  auto future = answer.get_future();
  submit_question(*state_, Erase{std::move(seqs), std::move(basis), std::move(reference)}, kErasedWithin, 2,
                  [&](Appended appended) { answer.set_value(std::move(appended)); });
  return future.get();
}

Appended Client::change_hold(HoldChange change) {
  std::promise<Appended> answer;
  auto future = answer.get_future();
  submit_question(*state_, std::move(change), kChangedWithin, 1,
                  [&](Appended appended) { answer.set_value(std::move(appended)); });
  return future.get();
}

}  // namespace chancery::service
