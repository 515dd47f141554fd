#include "bench/server_process.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "bench/report.h"

namespace vigil::bench {

ServerProcess::ServerProcess(const std::filesystem::path& vigil, const std::filesystem::path& data) {
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) give_up("no pipe");
  child_ = ::fork();
  if (child_ == 0) {
    ::dup2(pipe[1], STDOUT_FILENO);
    ::close(pipe[0]);
    ::execl(vigil.c_str(), "vigil", "serve", "--data", data.c_str(), "--bind", "tcp://127.0.0.1:*", "--publish",
            "tcp://127.0.0.1:*", nullptr);
    ::_exit(127);
  }
  ::close(pipe[1]);
  std::string line;
  for (char c = 0; ::read(pipe[0], &c, 1) == 1 && c != '\n';) line += c;
  const std::size_t at = line.find("tcp://");
  if (at == std::string::npos) give_up("the server did not get ready: " + line);
  endpoint_ = line.substr(at, line.find_first_of(" ,", at) - at);
}

ServerProcess::~ServerProcess() {
  if (child_ <= 0) return;
  ::kill(child_, SIGTERM);
  int status = 0;
  ::waitpid(child_, &status, 0);
}

}  // namespace vigil::bench
