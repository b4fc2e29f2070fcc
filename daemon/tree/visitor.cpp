#include <algorithm>
#include <charconv>
#include <utility>

#include "daemon/sftp/engine.h"
#include "daemon/tree/tree.h"

namespace chancery::tree {

namespace {

constexpr std::ptrdiff_t kMostFolders = 8;  // open at once in a session: their lists are in memory
constexpr std::size_t kNamesAtOnce = 128;   // given to the engine: about what one packet holds
constexpr const char* kTooManyFolders = "Too many folders are open: close one first.";

using sftp::Status;
using sftp::StatusReply;

sftp::Reply ok() { return StatusReply{Status::ok, "Done."}; }
sftp::Reply not_found() { return StatusReply{Status::no_such_file, "There is no such file or folder here."}; }
sftp::Reply failure(std::string sentence) { return StatusReply{Status::failure, std::move(sentence)}; }

sftp::Reply reply_to(const std::optional<transfer::Problem>& problem) {
  if (!problem) return ok();
  switch (problem->kind) {
    case transfer::Problem::Kind::denied:
      return StatusReply{Status::permission_denied, problem->sentence};
    case transfer::Problem::Kind::not_found:
      return StatusReply{Status::no_such_file, problem->sentence};
    case transfer::Problem::Kind::failed:
      break;
  }
  return failure(problem->sentence);
}

transfer::Done done_by(Answer answer) {
  return [answer = std::move(answer)](const std::optional<transfer::Problem>& problem) {
    answer(reply_to(problem));
  };
}

// Answers check-file from a recorded SHA-256, in hex; it is empty if there is none, or was erased.
sftp::Reply digest_reply(const sftp::CheckFile& check, std::string_view hex, std::uint64_t size) {
  sftp::DigestReply reply;
  if (hex.size() != 2 * reply.sha256.size())
    return failure("No hash is recorded of this: read it, and hash what you have read.");
  if (!check.whole(size))
    return failure(
        "Only the hash of a whole file is recorded: ask from its first byte to its last, as one block.");
  for (std::size_t i = 0; i < reply.sha256.size(); ++i)
    std::from_chars(hex.data() + 2 * i, hex.data() + 2 * i + 2, reply.sha256[i], 16);
  return reply;
}

bool is_folder(const std::optional<Audit::Node>& node) { return node && node->folder; }

}  // namespace

// One operator() for each operation of message.h.
struct Tree::Visitor {
  Tree& tree;
  const View& view;
  std::uint64_t request;
  Answer answer;

  sftp::HandleId new_handle() const { return sftp::Engine::handle_for(request); }
  Handle* handle(sftp::HandleId id) const {
    const auto found = tree.handles_.find(id);
    return found == tree.handles_.end() ? nullptr : &found->second;
  }
  void open_with(Handle handle, bool directory) const {
    tree.handles_.insert_or_assign(new_handle(), std::move(handle));
    answer(sftp::OpenedReply{directory});
  }

  void operator()(const sftp::Open& open) const {
    const Place place = locate(open.path);
    if ((open.flags & (sftp::kWrite | sftp::kAppend)) != 0) return open_to_write(place, open.flags);
    if (place.kind == Kind::collect_file) return open_delivery(place);
    if (tree.is_audit(view, place)) return open_audit(place);
    if (auto text = tree.text(view, place)) {
      auto page = std::make_shared<Page>();
      page->bytes = std::move(*text);
      return open_with(std::move(page), false);
    }
    if (tree.is_proof(view, place)) return open_proof(place);
    if (place.kind == Kind::send_file && tree.file_attributes(view, place))
      return answer(tree.refuse(place, "not-readable", "What was put in /send cannot be read back."));
    answer(not_found());
  }

  // The disk is read by a worker: here, and when the file is read.
  void open_audit(const Place& place) const {
    tree.forget_failed();
    auto opening = std::make_shared<Auditing>();
    tree.handles_.insert_or_assign(new_handle(), opening);
    tree.hub_.exchange.post([audit = tree.hub_.audit, place, opening, answer = answer] {
      opening->file = audit->open(place.name);
      if (opening->file) return answer(sftp::OpenedReply{false});
      opening->failed = true;
      answer(not_found());
    });
  }

  void read_audit(const sftp::Read& read, const Audited& opened) const {
    tree.hub_.exchange.post([read, file = opened->file, answer = answer] {
      try {
        auto bytes = file->read(read.offset, read.length);
        if (bytes.empty()) return answer(StatusReply{Status::eof, "End of file."});
        answer(sftp::DataReply{std::move(bytes)});
      } catch (const std::exception&) {
        answer(failure("The hub could not read this file. Please try again later."));
      }
    });
  }

  void stat_audit(const Place& place) const {
    tree.hub_.exchange.post([audit = tree.hub_.audit, place, answer = answer] {
      const auto node = audit->find(place.name);
      if (!node) return answer(not_found());
      answer(sftp::AttributesReply{node->folder
                                       ? directory_attributes(node->modified)
                                       : tree::file_attributes(node->size, node->modified, Access::read)});
    });
  }

  void open_to_write(const Place& place, std::uint32_t flags) const {
    if (place.kind != Kind::send_file || view.account->role != agreement::AccountRole::agency)
      return answer(tree.refuse(place, "not-writable", "Files can only be put in a folder of /send."));
    const bool empties = (flags & sftp::kTruncate) != 0;
    if (!empties) {
      auto found = tree.hub_.exchange.find_unfinished(tree.caller_, place.folder, place.name);
      if (const auto* problem = std::get_if<transfer::Problem>(&found)) return answer(reply_to(*problem));
      if (std::get<Upload>(found)) return open_with(Unfinished{std::get<Upload>(std::move(found))}, false);
      if ((flags & sftp::kCreate) == 0)
        return answer(StatusReply{Status::no_such_file, transfer::kNothingKept});
    }
    auto begun = tree.hub_.exchange.begin(tree.caller_, place.folder, place.name);
    if (const auto* problem = std::get_if<transfer::Problem>(&begun)) return answer(reply_to(*problem));
    if (!empties) std::get<Upload>(begun)->expect_earlier();
    open_with(std::get<Upload>(std::move(begun)), false);
  }

  // The upload behind a handle, of which `offset` is about to be written: where a file that was opened
  // without being emptied goes on, or, at its start, a new one. Null after an answer.
  Upload upload_at(Handle* open, std::uint64_t offset) const {
    if (open != nullptr) {
      if (const Upload* upload = std::get_if<Upload>(open)) return *upload;
      if (const auto* unfinished = std::get_if<Unfinished>(open)) {
        const Upload old = unfinished->upload;
        if (offset != 0) {
          *open = tree.hub_.exchange.resume(tree.caller_, old, offset);
        } else {
          auto begun = tree.hub_.exchange.begin(tree.caller_, old->route(), old->name());
          if (const auto* problem = std::get_if<transfer::Problem>(&begun)) {
            answer(reply_to(*problem));
            return nullptr;
          }
          *open = std::get<Upload>(std::move(begun));
        }
        return std::get<Upload>(*open);
      }
    }
    answer(failure("This file is open for reading only."));
    return nullptr;
  }

  // Work on a proof of /receipts, by a worker and a tree of its own: this one may end before. `use` is given
  // the proof if there is one, and answers; `fail` is called when it cannot be had now.
  template <typename Use, typename Fail>
  void with_proof(const Place& place, bool with_bytes, Use use, Fail fail) const {
    tree.hub_.exchange.post(
        [&hub = tree.hub_, caller = tree.caller_, place, with_bytes, use, fail, answer = answer] {
          std::optional<Proof> proof;
          try {
            proof = Tree(hub, caller).proof(place, with_bytes);
          } catch (const std::exception&) {
            fail();
            return answer(failure("The ledger does not answer at the moment. Please try again later."));
          }
          answer(use(std::move(proof)));
        });
  }

  void open_proof(const Place& place) const {
    tree.forget_failed();
    auto page = std::make_shared<Page>();
    tree.handles_.insert_or_assign(new_handle(), page);
    with_proof(
        place, true,
        [page](std::optional<Proof> proof) -> sftp::Reply {
          page->failed = !proof;
          if (!proof) return not_found();
          page->bytes = std::move(proof->bytes);
          return sftp::OpenedReply{false};
        },
        [page] { page->failed = true; });
  }

  // Why nothing of a delivery may be read now, be it open or not.
  std::optional<sftp::Reply> held(const transfer::Delivery& delivery) const {
    if (!tree.folder_exists(view, {Kind::collect_route, delivery.route, {}})) return not_found();
    if (view.policy->routes.at(delivery.route).state != route::State::suspended) return std::nullopt;
    return tree.refuse({Kind::collect_file, delivery.route, delivery.shown_name}, "suspended",
                       "This route is suspended, and its deliveries are held.");
  }

  void open_delivery(const Place& place) const {
    if (!tree.folder_exists(view, {Kind::collect_route, place.folder, {}})) return answer(not_found());
    const auto delivery =
        tree.hub_.exchange.projection().find_waiting(tree.caller_.agency, place.folder, place.name);
    if (!delivery) return answer(not_found());
    if (auto refusal = held(*delivery)) return answer(std::move(*refusal));
    tree.forget_failed();
    auto opening = std::make_shared<Opening>();
    tree.handles_.insert_or_assign(new_handle(), opening);
    tree.hub_.exchange.open_delivery(tree.caller_, *delivery, [opening, answer = answer](auto result) {
      if (const auto* problem = std::get_if<transfer::Problem>(&result)) {
        opening->failed = true;
        return answer(reply_to(*problem));
      }
      opening->reading = std::get<std::shared_ptr<transfer::Reading>>(std::move(result));
      answer(sftp::OpenedReply{false});
    });
  }

  void operator()(const sftp::Close& close) const {
    auto node = tree.handles_.extract(close.handle);
    if (!node.empty()) {
      if (const Upload* upload = std::get_if<Upload>(&node.mapped()))
        return tree.hub_.exchange.close(*upload, done_by(answer));
      if (const auto* unfinished = std::get_if<Unfinished>(&node.mapped()))
        return close_untouched(unfinished->upload);
    }
    answer(ok());
  }

  // Nothing was written: under a temporary name the client has found that all of it is here, and will rename
  // it. Elsewhere this would deliver what may be half a file.
  void close_untouched(const Upload& unfinished) const {
    if (!unfinished->waits_when_closed())
      return answer(failure("The hub has the first " + std::to_string(unfinished->contiguous()) +
                            " bytes of this file, from a connection that was cut off, and cannot tell "
                            "whether that is all of it. "
                            "Please upload it from its start."));
    tree.hub_.exchange.close(tree.hub_.exchange.resume(tree.caller_, unfinished, unfinished->contiguous()),
                             done_by(answer));
  }

  void operator()(const sftp::Read& read) const {
    Handle* const open = handle(read.handle);
    if (open == nullptr) return answer(failure("This handle is not open: open the file or folder again."));
    if (const Text* page = std::get_if<Text>(open)) {
      if (read.offset >= (*page)->bytes.size()) return answer(StatusReply{Status::eof, "End of file."});
      const std::string part = (*page)->bytes.substr(read.offset, read.length);
      return answer(sftp::DataReply{{part.begin(), part.end()}});
    }
    if (const Audited* audited = std::get_if<Audited>(open); audited != nullptr && (*audited)->file) {
      if (!tree.is_audit(view, {Kind::audit, {}, {}})) return answer(not_found());
      return read_audit(read, *audited);
    }
    const Reading* reading = std::get_if<Reading>(open);
    if (reading == nullptr || !(*reading)->reading)
      return answer(failure("What is put in /send cannot be read back."));
    if (auto refusal = held((*reading)->reading->delivery())) return answer(std::move(*refusal));
    (*reading)->reading->read(
        read.offset, read.length,
        [answer = answer, offset = read.offset, from = (*reading)->reading](auto result) {
          if (const auto* problem = std::get_if<transfer::Problem>(&result))
            return answer(reply_to(*problem));
          auto bytes = std::get<std::vector<std::uint8_t>>(std::move(result));
          if (bytes.empty()) return answer(StatusReply{Status::eof, "End of file."});
          const std::uint64_t end = offset + bytes.size();
          answer(sftp::DataReply{std::move(bytes), [from, offset, end] { from->sent(offset, end); }});
        });
  }

  void operator()(sftp::Write& write) const {
    const Upload upload = upload_at(handle(write.handle), write.offset);
    if (upload) upload->write(write.offset, std::move(write.data), done_by(answer));
  }

  void operator()(const sftp::Stat& stat) const {
    const Place place = locate(stat.path);
    if (tree.is_audit(view, place)) return stat_audit(place);
    if (!tree.is_proof(view, place)) return answer_attributes(place);
    with_proof(
        place, false,
        [](const std::optional<Proof>& proof) -> sftp::Reply {
          if (!proof) return not_found();
          return sftp::AttributesReply{tree::file_attributes(proof->size, proof->time, Access::read)};
        },
        [] {});
  }

  void operator()(const sftp::HandleStat& stat) const {
    Handle* const open = handle(stat.handle);
    if (open == nullptr) return answer(failure("This handle is not open: open the file or folder again."));
    const entry::Micros now = tree.hub_.exchange.now();
    if (const Text* page = std::get_if<Text>(open))
      return answer(sftp::AttributesReply{tree::file_attributes((*page)->bytes.size(), now, Access::read)});
    if (const Upload upload = upload_of(*open))
      return answer(
          sftp::AttributesReply{tree.sent_attributes({upload->id(), upload->contiguous(), upload->begun()})});
    if (const Audited* audited = std::get_if<Audited>(open); audited != nullptr && (*audited)->file)
      return answer(
          sftp::AttributesReply{tree::file_attributes((*audited)->file->size(), now, Access::read)});
    if (const Reading* reading = std::get_if<Reading>(open); reading != nullptr && (*reading)->reading) {
      const auto& delivery = (*reading)->reading->delivery();
      return answer(sftp::AttributesReply{
          tree::file_attributes(delivery.sealed_size, delivery.made, Access::read_write)});
    }
    answer(sftp::AttributesReply{directory_attributes(now)});
  }

  // The upload of a handle, also before its first write; null if it is another's.
  static Upload upload_of(const Handle& open) {
    if (const Upload* upload = std::get_if<Upload>(&open)) return *upload;
    const auto* unfinished = std::get_if<Unfinished>(&open);
    return unfinished == nullptr ? nullptr : unfinished->upload;
  }

  // Clients set mode and times on what they have just put, and some fail if that fails: the mode is ignored,
  // the times are kept for the listing.
  static sftp::Reply set(Hub& hub, const std::string& account, const std::string& transfer,
                         std::uint64_t size, const sftp::Attributes& attributes) {
    if (attributes.size && *attributes.size != size)
      return failure("The size of a file cannot be set; it is what was written.");
    if (attributes.times) hub.times.set(account, transfer, attributes.times->modified);
    return ok();
  }

  void operator()(const sftp::SetStat& set_stat) const {
    const Place place = locate(set_stat.path);
    if (const auto sent = tree.sent(view, place))
      return answer(set(tree.hub_, tree.caller_.user, sent->transfer, sent->size, set_stat.attributes));
    if (!tree.attributes(view, place)) return answer(not_found());
    if (set_stat.attributes.size) return answer(failure("Nothing can be changed here."));
    answer(ok());
  }

  void operator()(const sftp::HandleSetStat& set_stat) const {
    Handle* const open = handle(set_stat.handle);
    Upload upload = open == nullptr ? nullptr : upload_of(*open);
    // A client that writes in place empties the file by this, when it has nothing to write.
    if (set_stat.attributes.size == std::uint64_t{0} && upload && std::holds_alternative<Unfinished>(*open))
      upload = upload_at(open, 0);
    else if (!upload)
      answer(failure("This file is open for reading only."));
    if (!upload) return;
    // lftp names the size too, before its last writes were answered.
    upload->settle(
        [&hub = tree.hub_, account = tree.caller_.user, id = upload->id(), attributes = set_stat.attributes,
         answer = answer](std::uint64_t size) { answer(set(hub, account, id, size, attributes)); });
  }

  void operator()(const sftp::OpenDirectory& open) const {
    const Place place = locate(open.path);
    const bool audit = tree.is_audit(view, place);
    if (!audit && !tree.folder_exists(view, place)) return answer(not_found());
    tree.forget_failed();
    const auto open_folders = std::count_if(tree.handles_.begin(), tree.handles_.end(), [](const auto& one) {
      return std::holds_alternative<Directory>(one.second);
    });
    if (open_folders >= kMostFolders) return answer(failure(kTooManyFolders));
    auto listing = std::make_shared<Listing>();
    tree.handles_.insert_or_assign(new_handle(), listing);
    const auto make = [&hub = tree.hub_, caller = tree.caller_, view = view, place, audit, answer = answer,
                       given = std::weak_ptr(listing)] {
      // Nobody waits for the list any more once the session has ended.
      const Directory made = given.lock();
      if (!made) return answer(not_found());
      auto reply = make_list(hub, caller, view, place, audit, *made);
      made->failed = !std::holds_alternative<sftp::OpenedReply>(reply);
      answer(std::move(reply));
    };
    tree.hub_.lists.in_turn(
        tree.caller_.user,
        [&exchange = tree.hub_.exchange](std::function<void()> work) { exchange.post(std::move(work)); },
        make);
  }

  // A worker makes the list, which may be of 100,000 receipts, by a tree of its own: the session's may end
  // before.
  static sftp::Reply make_list(Hub& hub, const transfer::Caller& caller, const View& view, const Place& place,
                               bool audit, Listing& listing) {
    if (!hub.lists.has_room(caller.user)) return failure(kTooManyFolders);
    try {
      if (audit && !is_folder(hub.audit->find(place.name))) return not_found();
      const Tree own(hub, caller);
      listing.files = audit ? own.list_audit(place) : own.list(view, place);
      listing.files.shrink_to_fit();
      std::size_t bytes = 0;
      for (const Listed& file : listing.files) bytes += sizeof(file) + file.name.capacity();
      listing.held = hub.lists.hold(caller.user, bytes);
    } catch (const std::exception&) {
      listing.files.clear();
      return failure("The hub could not list this folder. Please try again later.");
    }
    return sftp::OpenedReply{true};
  }

  void operator()(const sftp::ReadDirectory& read) const {
    Handle* const open = handle(read.handle);
    const Directory* directory = open == nullptr ? nullptr : std::get_if<Directory>(open);
    if (directory == nullptr) return answer(failure("This handle is not a folder's."));
    Listing& listing = **directory;
    if (listing.read == listing.files.size()) return answer(StatusReply{Status::eof, "End of the folder."});
    const std::size_t end = std::min(listing.read + kNamesAtOnce, listing.files.size());
    sftp::NamesReply names;
    for (; listing.read < end; ++listing.read)
      names.files.push_back(
          named(listing.files[listing.read], tree.caller_.agency, tree.hub_.exchange.now()));
    // What was given out is the engine's, and counts no more.
    if (listing.read == listing.files.size()) {
      listing.files = {};
      listing.read = 0;
      listing.held.reset();
    }
    answer(std::move(names));
  }

  void operator()(const sftp::Remove& remove) const {
    const Place place = locate(remove.path);
    if (place.kind == Kind::send_file && tree.folder_exists(view, {Kind::send_route, place.folder, {}}))
      return tree.hub_.exchange.remove_sent(tree.caller_, place.folder, place.name, done_by(answer));
    if (!tree.attributes(view, place)) return answer(not_found());
    if (place.kind != Kind::collect_file)
      return answer(tree.refuse(place, "not-removable", "Only deliveries in /collect can be removed."));
    const auto delivery =
        tree.hub_.exchange.projection().find_waiting(tree.caller_.agency, place.folder, place.name);
    if (!delivery) return answer(not_found());
    tree.hub_.exchange.acknowledge(tree.caller_, *delivery, done_by(answer));
  }

  void operator()(const sftp::MakeDirectory& make) const {
    const Place place = locate(make.path);
    if (tree.attributes(view, place))
      return answer(failure("There is a folder or a file of this name already."));
    answer(tree.refuse(place, "no-folders", "Folders cannot be made here: the routes are the folders."));
  }

  void operator()(const sftp::RemoveDirectory& remove) const {
    const Place place = locate(remove.path);
    // Clients whose removal of a file was refused try this next.
    if (tree.file_attributes(view, place))
      return answer(
          StatusReply{Status::permission_denied, "This is a file, which is not removed as a folder."});
    if (!tree.folder_exists(view, place)) return answer(not_found());
    answer(tree.refuse(place, "no-folders", "Folders cannot be removed here: the routes are the folders."));
  }

  void operator()(const sftp::RealPath& real) const {
    const std::string path = absolute(real.path);
    answer(sftp::NamesReply{{{path, path, {}}}});
  }

  void operator()(const sftp::Rename& rename) const {
    const Place from = locate(rename.from), to = locate(rename.to);
    if (from.kind == Kind::send_file && to.kind == Kind::send_file && from.folder == to.folder &&
        tree.folder_exists(view, {Kind::send_route, from.folder, {}}))
      return tree.hub_.exchange.rename(tree.caller_, from.folder, from.name, to.name, done_by(answer));
    if (!tree.attributes(view, from)) return answer(not_found());
    answer(tree.refuse(from, "no-renames",
                       "Only a file under a temporary name can be renamed, within its folder of /send."));
  }

  void operator()(const sftp::ReadLink&) const { answer(failure("There are no links here.")); }

  void operator()(const sftp::MakeLink& link) const {
    answer(tree.refuse(locate(link.path), "no-links", "Links cannot be made here."));
  }

  void operator()(const sftp::StatFileSystem&) const {
    constexpr std::uint64_t kBlock = std::uint64_t{1}
                                     << 30;  // coarse: exact figures would tell of others' uploads
    const auto space = tree.hub_.exchange.space();
    answer(sftp::FileSystemReply{kBlock, space.total / kBlock, space.free / kBlock});
  }

  // Nothing is promised before the file is finished (docs/architecture.md, "The life of an upload").
  void operator()(const sftp::Sync&) const { answer(ok()); }

  // The hash is the ledger's: of the plain text that was put, of the sealed file that is collected.
  void operator()(const sftp::CheckFile& check) const {
    constexpr const char* kNotFinished =
        "The hash is recorded when the file is finished: close it, or give it its final name, first.";
    if (check.handle != 0) {
      Handle* const open = handle(check.handle);
      if (open != nullptr && std::holds_alternative<Upload>(*open)) return answer(failure(kNotFinished));
      const Reading* reading = open == nullptr ? nullptr : std::get_if<Reading>(open);
      if (reading == nullptr || !(*reading)->reading) return answer(digest_reply(check, {}, 0));
      const auto& delivery = (*reading)->reading->delivery();
      return answer(digest_reply(check, delivery.sealed_sha256, delivery.sealed_size));
    }
    const Place place = locate(check.path);
    if (const auto sent = tree.sent(view, place)) {
      const auto transfer = tree.hub_.exchange.projection().find_transfer(sent->transfer);
      if (!transfer) return answer(failure(kNotFinished));
      return answer(digest_reply(check, transfer->sha256, transfer->size));
    }
    if (place.kind == Kind::collect_file &&
        tree.folder_exists(view, {Kind::collect_route, place.folder, {}})) {
      const auto delivery =
          tree.hub_.exchange.projection().find_waiting(tree.caller_.agency, place.folder, place.name);
      return answer(delivery ? digest_reply(check, delivery->sealed_sha256, delivery->sealed_size)
                             : not_found());
    }
    answer(tree.is_audit(view, place) || tree.is_proof(view, place) || tree.attributes(view, place)
               ? digest_reply(check, {}, 0)
               : not_found());
  }

  void answer_attributes(const Place& place) const {
    if (const auto attributes = tree.attributes(view, place))
      return answer(sftp::AttributesReply{*attributes});
    answer(not_found());
  }
};

void Tree::take_seat() {
  auto seat = hub_.exchange.take_seat(caller_);
  if (auto* problem = std::get_if<transfer::Problem>(&seat))
    no_seat_ = std::move(*problem);
  else
    seat_ = std::get<std::shared_ptr<void>>(std::move(seat));
}

void Tree::serve(sftp::Request request, Answer answer) {
  if (no_seat_) return answer(reply_to(no_seat_));
  const auto now = view();
  if (!now)
    return answer(
        StatusReply{Status::permission_denied, "This account or its key was withdrawn. Ask the hub."});
  std::visit(Visitor{*this, *now, request.id, std::move(answer)}, request.operation);
}

}  // namespace chancery::tree
