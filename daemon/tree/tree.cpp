#include "daemon/tree/tree.h"

#include <algorithm>
#include <utility>

#include "policies/route/decide.h"

namespace chancery::tree {

namespace {

constexpr entry::Micros kDay = 24LL * 3600 * 1'000'000;
constexpr std::size_t kTimes = 20'000;  // kept of an account: some 200 bytes each

bool contains(const std::vector<const route::Route*>& routes, const std::string& id) {
  return std::any_of(routes.begin(), routes.end(),
                     [&](const route::Route* route) { return route->id == id; });
}

bool concerns(const transfer::Transfer& transfer, const std::string& agency) {
  return transfer.agency == agency || std::find(transfer.recipients.begin(), transfer.recipients.end(),
                                                agency) != transfer.recipients.end();
}

std::uint64_t newest_step(const transfer::Transfer& transfer) {
  std::uint64_t seq = 0;
  for (const transfer::Step& step : transfer.steps) seq = std::max(seq, step.seq);
  return seq;
}

}  // namespace

// The oldest of the account makes room, so that setting one costs the same however many are kept, and nobody
// loses a time to another account. One that is set again keeps its place and its account.
void Times::set(const std::string& account, const std::string& transfer, std::uint32_t modified) {
  const std::lock_guard lock(mutex_);
  if (!times_.insert_or_assign(transfer, modified).second) return;
  std::deque<std::string>& own = set_by_[account];
  own.push_back(transfer);
  if (own.size() <= kTimes) return;
  times_.erase(own.front());
  own.pop_front();
}

std::optional<std::uint32_t> Times::find(const std::string& transfer) const {
  const std::lock_guard lock(mutex_);
  const auto found = times_.find(transfer);
  if (found == times_.end()) return std::nullopt;
  return found->second;
}

Tree::Tree(Hub& hub, transfer::Caller caller) : hub_(hub), caller_(std::move(caller)) {}

std::optional<Tree::View> Tree::view() const {
  View view{hub_.exchange.policy()};
  const auto login = view.policy->find_login(caller_.user, caller_.agency, caller_.key);
  if (!login) return std::nullopt;
  view.agency = login->agency;
  view.account = login->account;
  return view;
}

bool Tree::folder_exists(const View& view, const Place& place) const {
  const bool sends = view.account->role == agreement::AccountRole::agency;
  switch (place.kind) {
    case Kind::root:
      return true;
    case Kind::send:
    case Kind::collect:
    case Kind::receipts:
    case Kind::log_keys:
      return sends;
    case Kind::send_route:
      return sends && contains(route::routes_from(*view.policy, caller_.agency), place.folder);
    case Kind::collect_route:
      return sends && contains(route::routes_to(*view.policy, caller_.agency), place.folder);
    case Kind::receipts_month: {
      const auto months = hub_.exchange.projection().months(caller_.agency);
      return sends && std::find(months.begin(), months.end(), place.folder) != months.end();
    }
    default:
      return false;
  }
}

std::optional<std::string> Tree::text(const View& view, const Place& place) const {
  if (place.kind == Kind::readme) return readme_text(hub_.facts, *view.policy, *view.agency, *view.account);
  if (place.kind != Kind::receipt || !folder_exists(view, {Kind::receipts_month, place.folder, {}}))
    return std::nullopt;
  const auto transfer = hub_.exchange.projection().find_transfer(id_in(place.name));
  if (!transfer || !concerns(*transfer, caller_.agency) || outcome_name(*transfer) != place.name)
    return std::nullopt;
  return outcome_text(hub_.facts, *transfer, caller_.agency);
}

std::optional<Tree::Sent> Tree::sent(const View& view, const Place& place) const {
  if (place.kind != Kind::send_file || !folder_exists(view, {Kind::send_route, place.folder, {}}))
    return std::nullopt;
  if (const auto going = hub_.exchange.find_in_progress(caller_, place.folder, place.name))
    return Sent{going->id, going->size, going->since};
  const auto sent = hub_.exchange.projection().find_sent(caller_.agency, place.folder, place.name,
                                                         hub_.exchange.now() - kDay);
  return sent ? std::optional(Sent{sent->id, sent->size, sent->time}) : std::nullopt;
}

bool Tree::is_proof(const View& view, const Place& place) const {
  if (place.kind == Kind::log_keys_file) return folder_exists(view, {Kind::log_keys, {}, {}});
  return place.kind == Kind::receipt && !place.name.ends_with(".txt") &&
         folder_exists(view, {Kind::receipts_month, place.folder, {}});
}

std::optional<ReceiptFile> Tree::find_receipt(const Place& place, bool may_block) const {
  const auto transfer = hub_.exchange.projection().find_transfer(id_in(place.name));
  if (!transfer || !concerns(*transfer, caller_.agency)) return std::nullopt;
  if (may_block) hub_.receipts.cover(newest_step(*transfer));
  const auto files = hub_.receipts.of(*transfer, caller_.agency);
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const ReceiptFile& file) { return file.name == place.name; });
  return found == files.end() ? std::nullopt : std::optional(*found);
}

std::optional<Tree::Proof> Tree::proof(const Place& place, bool with_bytes) const {
  if (place.kind == Kind::log_keys_file) {
    for (Receipts::Page& page : hub_.receipts.log_keys(hub_.exchange))
      if (page.name == place.name) return Proof{page.bytes, page.bytes.size(), page.time};
    return std::nullopt;
  }
  const auto file = find_receipt(place, true);
  if (!file) return std::nullopt;
  return Proof{with_bytes ? hub_.receipts.read(*file) : std::string(), file->size, file->time};
}

void Tree::list_receipts(const std::string& month,
                         const std::function<void(const std::string&, const sftp::Attributes&)>& add) const {
  const auto transfers = hub_.exchange.projection().outcomes(caller_.agency, month);
  std::uint64_t newest = 0;
  for (const auto& transfer : transfers) newest = std::max(newest, newest_step(transfer));
  hub_.receipts.cover(newest);
  for (const auto& transfer : transfers) {
    add(outcome_name(transfer),
        tree::file_attributes(outcome_text(hub_.facts, transfer, caller_.agency).size(),
                              transfer.steps.back().time, Access::read));
    for (const ReceiptFile& file : hub_.receipts.of(transfer, caller_.agency))
      add(file.name, tree::file_attributes(file.size, file.time, Access::read));
  }
}

sftp::Attributes Tree::sent_attributes(const Sent& sent) const {
  sftp::Attributes result = tree::file_attributes(sent.size, sent.time, Access::read_write);
  if (const auto modified = hub_.times.find(sent.transfer))
    result.times = sftp::Attributes::Times{*modified, *modified};
  return result;
}

std::optional<sftp::Attributes> Tree::file_attributes(const View& view, const Place& place) const {
  const transfer::Projection& projection = hub_.exchange.projection();
  if (const auto sent = this->sent(view, place)) return sent_attributes(*sent);
  if (place.kind == Kind::collect_file && folder_exists(view, {Kind::collect_route, place.folder, {}})) {
    const auto delivery = projection.find_waiting(caller_.agency, place.folder, place.name);
    if (delivery) return tree::file_attributes(delivery->sealed_size, delivery->made, Access::read_write);
  }
  if (place.kind == Kind::receipt && is_proof(view, place)) {
    if (const auto file = find_receipt(place, false))
      return tree::file_attributes(file->size, file->time, Access::read);
  }
  if (const auto page = text(view, place))
    return tree::file_attributes(page->size(), hub_.exchange.now(), Access::read);
  return std::nullopt;
}

bool Tree::is_audit(const View& view, const Place& place) const {
  return place.kind == Kind::audit && hub_.audit != nullptr &&
         view.account->role == agreement::AccountRole::auditor;
}

std::vector<Listed> Tree::list_audit(const Place& place) const {
  std::vector<Listed> files;
  for (const char* name : {".", ".."}) files.push_back({name, directory_attributes(hub_.exchange.now())});
  for (const auto& [name, node] : hub_.audit->list(place.name)) {
    files.push_back({name, node.folder ? directory_attributes(node.modified)
                                       : tree::file_attributes(node.size, node.modified, Access::read)});
  }
  return files;
}

std::optional<sftp::Attributes> Tree::attributes(const View& view, const Place& place) const {
  if (folder_exists(view, place)) return directory_attributes(hub_.exchange.now());
  return file_attributes(view, place);
}

std::vector<Listed> Tree::list(const View& view, const Place& place) const {
  const transfer::Projection& projection = hub_.exchange.projection();
  const entry::Micros now = hub_.exchange.now();
  std::vector<Listed> files;
  const auto add = [&](const std::string& name, const sftp::Attributes& attributes) {
    files.push_back({name, attributes});
  };
  const auto add_folder = [&](const std::string& name) { add(name, directory_attributes(now)); };
  add_folder(".");
  add_folder("..");
  switch (place.kind) {
    case Kind::root:
      for (const auto& [kind, name] :
           {std::pair{Kind::send, "send"}, {Kind::collect, "collect"}, {Kind::receipts, "receipts"}})
        if (folder_exists(view, {kind, {}, {}})) add_folder(name);
      if (is_audit(view, {Kind::audit, {}, {}})) add_folder("audit");
      add("README.txt", *file_attributes(view, {Kind::readme, {}, {}}));
      break;
    case Kind::send:
      for (const auto* route : route::routes_from(*view.policy, caller_.agency)) add_folder(route->id);
      break;
    case Kind::collect:
      for (const auto* route : route::routes_to(*view.policy, caller_.agency)) add_folder(route->id);
      break;
    case Kind::receipts:
      for (const std::string& month : projection.months(caller_.agency)) add_folder(month);
      add_folder("log-keys");
      break;
    case Kind::send_route: {
      std::map<std::string, sftp::Attributes> by_name;
      for (const auto& sent : projection.sent(caller_.agency, place.folder, now - kDay))
        by_name[sent.name] = sent_attributes({sent.id, sent.size, sent.time});
      for (const auto& going : hub_.exchange.in_progress(caller_, place.folder))
        by_name[going.name] = sent_attributes({going.id, going.size, going.since});
      for (const auto& [name, attributes] : by_name) add(name, attributes);
      break;
    }
    case Kind::collect_route:
      for (const auto& delivery : projection.waiting(caller_.agency, place.folder))
        add(delivery.shown_name,
            tree::file_attributes(delivery.sealed_size, delivery.made, Access::read_write));
      break;
    case Kind::receipts_month:
      list_receipts(place.folder, add);
      break;
    case Kind::log_keys:
      for (const Receipts::Page& page : hub_.receipts.log_keys(hub_.exchange))
        add(page.name, tree::file_attributes(page.bytes.size(), page.time, Access::read));
      break;
    default:
      break;
  }
  return files;
}

// Handles that were never given out, because what was asked of a worker failed.
void Tree::forget_failed() {
  std::erase_if(handles_, [](const auto& one) {
    const Reading* reading = std::get_if<Reading>(&one.second);
    const Directory* directory = std::get_if<Directory>(&one.second);
    const Text* page = std::get_if<Text>(&one.second);
    const Audited* audited = std::get_if<Audited>(&one.second);
    return (audited != nullptr && (*audited)->failed) || (page != nullptr && (*page)->failed) ||
           (reading != nullptr && (*reading)->failed) || (directory != nullptr && (*directory)->failed);
  });
}

void Tree::ended(const std::vector<sftp::HandleId>&) {
  for (const auto& [id, handle] : handles_)
    if (const Upload* upload = std::get_if<Upload>(&handle)) hub_.exchange.drop(*upload);
  handles_.clear();
}

sftp::Reply Tree::refuse(const Place& place, const std::string& code, const std::string& sentence) {
  const bool of_route = place.kind == Kind::send_file || place.kind == Kind::collect_file ||
                        place.kind == Kind::send_route || place.kind == Kind::collect_route;
  hub_.exchange.record_refusal(caller_, of_route ? place.folder : std::string(),
                               place.name.empty() ? place.folder : place.name, code, sentence);
  return sftp::StatusReply{sftp::Status::permission_denied, sentence};
}

}  // namespace chancery::tree
