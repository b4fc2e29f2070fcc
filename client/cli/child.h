#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

// Programs that `chancery run` starts, and watches until they end. Single-threaded.
namespace chancery::cli {

// One child. It dies with this process (PR_SET_PDEATHSIG), is in a process group of its own (so that Ctrl-C
// reaches only its parent), and says that it is ready as sd_notify(3) does.
class Child {
 public:
  // Throws std::runtime_error. `arguments` follow the program's path.
  Child(std::string name, const std::string& path, const std::vector<std::string>& arguments);
  ~Child();  // kills it if it runs still
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  const std::string& name() const { return name_; }
  void signal(int number) const;

  // Readable when it has said something; take_ready() then reads it and answers whether it is ready.
  int notifications() const { return notifications_; }
  bool take_ready();

  // How it ended, as "exited with status 2", or nullopt while it runs.
  std::optional<std::string> ended();
  bool ended_well() const { return reaped_ && status_ == 0; }

 private:
  std::string name_;
  pid_t pid_ = -1;
  int notifications_ = -1;
  bool reaped_ = false;
  int status_ = 0;
};

// The path of one of our programs: beside this one, else in PATH. Throws std::runtime_error when it is in
// neither.
std::string find_program(const std::string& name);

}  // namespace chancery::cli
