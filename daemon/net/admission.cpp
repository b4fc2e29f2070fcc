#include "daemon/net/admission.h"

#include <utility>

#include <boost/asio/ip/address.hpp>

namespace chancery::net {
namespace {

void count_down(std::map<std::string, std::uint32_t>& counts, const std::string& name) {
  const auto found = counts.find(name);
  if (found != counts.end() && --found->second == 0) counts.erase(found);
}

bool count_up(std::map<std::string, std::uint32_t>& counts, const std::string& name, std::uint32_t limit) {
  if (limit == 0) return false;
  std::uint32_t& count = counts[name];
  if (count >= limit) return false;
  ++count;
  return true;
}

// How likely a connection is refused when `count` are not logged in.
double chance_of_refusal(std::uint32_t count, std::uint32_t limit) {
  constexpr double kAtFirst = 0.3;
  const std::uint32_t start = limit / 10;
  if (count >= limit) return 1;
  if (count < start || start == 0) return 0;
  return kAtFirst + (1 - kAtFirst) * (count - start) / (limit - start);
}

// What is held against a source that a connection came from.
std::uint32_t points_of(std::optional<session::Refusal> why) {
  constexpr std::uint32_t kOffence = 4;
  using session::Refusal;
  if (!why) return 1;
  switch (*why) {
    case Refusal::attempts:
    case Refusal::deadline:
    case Refusal::key_exchange:
      return kOffence;
    case Refusal::flood:
      return Bans::kPoints;
    case Refusal::unauthenticated_limit:
    case Refusal::source_limit:
    case Refusal::account_limit:
    case Refusal::banned:
    case Refusal::proxy_header:
      return 0;
  }
  return 0;
}

}  // namespace

Admission::Admission(const hub::Limits& limits, Declared declared, std::function<double()> random,
                     Clock clock)
    : limits_(limits),
      declared_(std::move(declared)),
      random_(std::move(random)),
      clock_(std::move(clock)),
      bans_(std::chrono::seconds(limits.ban_seconds), std::chrono::seconds(limits.ban_longest_seconds)) {}

std::variant<std::unique_ptr<Admission::Ticket>, session::Refusal> Admission::admit(
    const std::string& address) {
  auto ticket = std::unique_ptr<Ticket>(new Ticket(*this, source_of(address)));
  if (const auto refusal = count(*ticket, address)) return *refusal;
  return ticket;
}

std::optional<session::Refusal> Admission::count(Ticket& ticket, const std::string& address) {
  const auto network = declared_(address);
  const std::lock_guard lock(mutex_);
  ticket.declared_ = network.has_value();
  if (network) {
    std::string name = network->text();
    if (count_up(per_network_, name, limits_.reserved)) {
      ticket.reserved_ = std::move(name);
      ticket.counted_ = true;
      return std::nullopt;
    }
  } else if (bans_.banned(ticket.source_, clock_())) {
    return session::Refusal::banned;
  }
  if (random_() < chance_of_refusal(unauthenticated_, limits_.unauthenticated))
    return session::Refusal::unauthenticated_limit;
  if (!count_up(per_source_, ticket.source_, limits_.connections_per_source))
    return session::Refusal::source_limit;
  ++unauthenticated_;
  ticket.counted_ = true;
  return std::nullopt;
}

// Of the mutex's holder.
void Admission::leave(const Ticket& ticket) {
  if (ticket.reserved_) return count_down(per_network_, *ticket.reserved_);
  --unauthenticated_;
  count_down(per_source_, ticket.source_);
}

bool Admission::Ticket::log_in(const std::string& user) {
  std::string name = user;
  const std::lock_guard lock(admission_.mutex_);
  if (!count_up(admission_.per_account_, user, admission_.limits_.sessions_per_account)) return false;
  admission_.leave(*this);
  user_ = std::move(name);
  return true;
}

std::optional<Bans::Length> Admission::Ticket::blame(std::optional<session::Refusal> why) {
  const std::lock_guard lock(admission_.mutex_);
  if (declared_) return std::nullopt;
  return admission_.bans_.add(source_, points_of(why), admission_.clock_());
}

Admission::Ticket::~Ticket() {
  if (!counted_) return;
  const std::lock_guard lock(admission_.mutex_);
  if (user_)
    count_down(admission_.per_account_, *user_);
  else
    admission_.leave(*this);
}

std::string source_of(const std::string& address) {
  boost::system::error_code bad;
  const auto parsed = boost::asio::ip::make_address(address, bad);
  if (bad || !parsed.is_v6()) return address;
  if (parsed.to_v6().is_v4_mapped())
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, parsed.to_v6()).to_string();
  auto bytes = parsed.to_v6().to_bytes();
  for (std::size_t i = 8; i < bytes.size(); ++i) bytes[i] = 0;
  return boost::asio::ip::address_v6(bytes).to_string() + "/64";
}

}  // namespace chancery::net
