#include "policies/toml/document.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policies/toml/table_state.h"

namespace chancery::toml {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{1024} * 1024;

struct Descriptor {
  int number = -1;
  explicit Descriptor(int opened) : number(opened) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number >= 0) {
      ::close(number);
    }
  }
};

std::string reason_of(int error) {
  switch (error) {
    case ENOENT:
      return "there is no such file";
    case EACCES:
      return "the file may not be read by this user";
    case ELOOP:
      return "this is a symbolic link: expected the file itself";
    default:
      return "the file cannot be read: " + std::generic_category().message(error);
  }
}

// Reads at most one byte more than the limit, so that a file that grows meanwhile is noticed too.
std::optional<std::string> read_all(int file, std::string& reason) {
  std::string bytes(kMaxFileBytes + 1, '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t count = ::read(file, bytes.data() + filled, bytes.size() - filled);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      reason = reason_of(errno);
      return std::nullopt;
    }
    if (count == 0) {
      return bytes.substr(0, filled);  // without the room for the largest: a policy keeps all its files
    }
    filled += static_cast<std::size_t>(count);
  }
  reason = "the file is too large: expected at most 1 MiB";
  return std::nullopt;
}

bool breaks_parser(std::string_view text) {
  try {
    static_cast<void>(::toml::parse(text));
  } catch (const ParserFault&) {
    return true;
  } catch (const ::toml::parse_error&) {  // a document cut short may well have one
  }
  return false;
}

// The line at which the parser breaks: the fewest lines of the text that break it.
::toml::source_position breaking_line(std::string_view text) {
  std::vector<std::size_t> ends;  // behind each line
  for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1)) {
    ends.push_back(at + 1);
  }
  const auto first = std::partition_point(
      ends.begin(), ends.end(), [&](std::size_t end) { return !breaks_parser(text.substr(0, end)); });
  return {static_cast<std::uint32_t>(first - ends.begin()) + 1, 1};
}

}  // namespace

std::string Mistake::text() const {
  return file + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + message;
}

void sort_mistakes(Mistakes& mistakes) {
  const auto place = [](const Mistake& m) { return std::tie(m.file, m.line, m.column, m.message); };
  std::ranges::stable_sort(mistakes, [&](const Mistake& a, const Mistake& b) { return place(a) < place(b); });
  const auto same = [&](const Mistake& a, const Mistake& b) { return place(a) == place(b); };
  mistakes.erase(std::unique(mistakes.begin(), mistakes.end(), same), mistakes.end());
}

std::optional<std::string> read_text(const std::filesystem::path& path, const std::string& shown_name,
                                     Mistakes& mistakes) {
  std::string reason;
  std::optional<std::string> text;
  // O_NONBLOCK: a FIFO in place of the file must not make its reader wait.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (file.number < 0 || ::fstat(file.number, &status) != 0) {
    reason = reason_of(errno);
  } else if (!S_ISREG(status.st_mode)) {
    reason = "this is not a regular file";
  } else {
    text = read_all(file.number, reason);
  }
  if (!text) {
    mistakes.push_back({shown_name, 1, 1, reason});
  }
  return text;
}

struct Document::State {
  std::shared_ptr<const ::toml::table> root;  // null unless the file parsed
  std::string file;
  Mistakes* mistakes = nullptr;
};

Document::Document(std::unique_ptr<State> state) : state_(std::move(state)) {}
Document::~Document() = default;
Document::Document(Document&&) noexcept = default;

Document Document::parse(std::string_view text, std::string shown_name, Mistakes& mistakes) {
  auto state = std::make_unique<State>();
  state->file = std::move(shown_name);
  state->mistakes = &mistakes;
  try {
    state->root = std::make_shared<const ::toml::table>(::toml::parse(text));
  } catch (const ::toml::parse_error& error) {
    report(mistakes, state->file, error.source().begin, std::string(error.description()));
  } catch (const ParserFault& fault) {
    report(mistakes, state->file, breaking_line(text),
           "this line is " + std::string(fault.what()) + ": expected KEY = VALUE, [TABLE] or [[TABLE]]");
  }
  return Document(std::move(state));
}

Document Document::read(const std::filesystem::path& path, std::string shown_name, Mistakes& mistakes) {
  if (const auto text = read_text(path, shown_name, mistakes)) {
    return parse(*text, std::move(shown_name), mistakes);
  }
  auto state = std::make_unique<State>();
  state->file = std::move(shown_name);
  state->mistakes = &mistakes;
  return Document(std::move(state));
}

bool Document::valid() const { return state_->root != nullptr; }

Table Document::root() {
  auto table = std::make_unique<Table::State>();
  table->owner = state_->root;
  table->table = state_->root.get();
  table->file = state_->file;
  table->mistakes = state_->mistakes;
  if (state_->root != nullptr) {
    table->begin = state_->root->source().begin;
  }
  return Table(std::move(table));
}

}  // namespace chancery::toml
