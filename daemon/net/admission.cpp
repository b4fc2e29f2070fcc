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

}  // namespace

Admission::Admission(const hub::Limits& limits, std::function<double()> random)
    : limits_(limits), random_(std::move(random)) {}

std::variant<std::unique_ptr<Admission::Ticket>, session::Refusal> Admission::admit(
    const std::string& source) {
  auto ticket = std::make_unique<Ticket>(*this, source);
  const std::lock_guard lock(mutex_);
  // Refused tickets count down again when destroyed, after the lock is released.
  ++unauthenticated_;
  const bool source_has_room = count_up(per_source_, source, limits_.connections_per_source);
  if (!source_has_room) ++per_source_[source];
  if (random_() < chance_of_refusal(unauthenticated_ - 1, limits_.unauthenticated))
    return session::Refusal::unauthenticated_limit;
  if (!source_has_room) return session::Refusal::source_limit;
  return ticket;
}

void Admission::leave_source(const std::string& source) {
  --unauthenticated_;
  count_down(per_source_, source);
}

bool Admission::Ticket::log_in(const std::string& user) {
  const std::lock_guard lock(admission_.mutex_);
  if (!count_up(admission_.per_account_, user, admission_.limits_.sessions_per_account)) return false;
  admission_.leave_source(source_);
  user_ = user;
  return true;
}

Admission::Ticket::~Ticket() {
  const std::lock_guard lock(admission_.mutex_);
  if (user_)
    count_down(admission_.per_account_, *user_);
  else
    admission_.leave_source(source_);
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
