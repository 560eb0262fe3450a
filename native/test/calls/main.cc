/**
 * Kills a program at one of its system calls.
 *
 *   calls N main|started PROGRAM [ARGUMENT...]
 *
 * The program runs until it sends itself SIGURG, which it does not receive: that is the mark. From then on, the entries
 * into system calls are counted: those of its main thread, or those of the threads that it has started since. At the
 * N-th entry all threads of the program get SIGKILL, and the kernel does not begin that call. So it is killed between
 * two system calls.
 *
 * Nothing here reads registers, so it is the same program on each processor. Ends when the program has ended, with
 *
 *   0   the program ended by itself, with the status 0, before its N-th call;
 *   1   it ended in another way;
 *   3   it was killed; a line on stderr has the number of the system call;
 *   64  the arguments are wrong;
 *   77  the kernel refuses to trace.
 */
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr int kEnded = 0;
constexpr int kEndedBadly = 1;
constexpr int kKilled = 3;
constexpr int kWrongArguments = 64;
constexpr int kRefused = 77;

constexpr int kMark = SIGURG;
/** What PTRACE_O_TRACESYSGOOD makes of SIGTRAP at a system call. */
constexpr int kSystemCall = SIGTRAP | 0x80;
/** PTRACE_GET_SYSCALL_INFO of Linux 5.3, which the headers of older C libraries do not have. */
constexpr int kGetSystemCallInfo = 0x420e;
constexpr uint8_t kEntry = 1;

/** The first bytes of the kernel's struct ptrace_syscall_info. */
struct SystemCallInfo {
  uint8_t op;
  uint8_t padding[3];
  uint32_t arch;
  uint64_t instruction_pointer;
  uint64_t stack_pointer;
  uint64_t number;
};

/** Calls ptrace by requests that not every C library has a name for. */
long trace(int request, pid_t thread, uintptr_t address, uintptr_t data) {
  return ptrace(static_cast<__ptrace_request>(request), thread, reinterpret_cast<void*>(address),
                reinterpret_cast<void*>(data));
}

/** Starts the program, stopped before its first instruction, and returns its process id; 0 if it cannot be traced. */
pid_t start(char** command) {
  const pid_t pid = fork();
  if (pid == 0) {
    if (trace(PTRACE_TRACEME, 0, 0, 0) != 0)
      _exit(kRefused);
    raise(SIGSTOP);
    execvp(command[0], command);
    _exit(kEndedBadly);
  }
  int status = 0;
  if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
    return 0;
  const uintptr_t options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
  if (trace(PTRACE_SETOPTIONS, pid, 0, options) == 0 && trace(PTRACE_CONT, pid, 0, 0) == 0)
    return pid;
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  return 0;
}

/** A program that is traced, and how far it has come. */
class Program {
public:
  Program(pid_t pid, bool counts_main, unsigned long last) : main_(pid), counts_main_(counts_main), last_(last) {
    threads_.insert(pid);
  }

  /** Lets the program run to its end, or kills it at the call. Returns this program's exit status. */
  int run() {
    for (;;) {
      int status = 0;
      const pid_t thread = waitpid(-1, &status, __WALL);
      if (thread < 0)
        return kEndedBadly;
      if (WIFSTOPPED(status)) {
        stopped(thread, status);
      } else if (thread == main_) {
        // The kernel reports the main thread last, when no other thread has the program's files or memory any more.
        if (result_ != kEnded)
          return result_;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? kEnded : kEndedBadly;
      }
    }
  }

private:
  void stopped(pid_t thread, int status) {
    const int signal = WSTOPSIG(status);
    const bool is_event = status >> 16 != 0;
    const bool is_new = !is_event && signal == SIGSTOP && threads_.insert(thread).second;
    if (is_new && marked_)
      started_.insert(thread);
    const bool is_mark = !marked_ && signal == kMark;
    if (is_mark)
      marked_ = true;
    if (signal == kSystemCall && is_counted(thread) && counts_to_last(thread))
      return;
    const bool is_delivered = !is_event && !is_new && !is_mark && signal != kSystemCall;
    trace(is_counted(thread) ? PTRACE_SYSCALL : PTRACE_CONT, thread, 0,
          is_delivered ? static_cast<uintptr_t>(signal) : 0);
  }

  bool is_counted(pid_t thread) const {
    return counts_main_ ? marked_ && thread == main_ : started_.count(thread) != 0;
  }

  /** Counts the stop if it is an entry. Kills the program and returns true if that was the last one, or if it cannot be
   * told. */
  bool counts_to_last(pid_t thread) {
    SystemCallInfo info = {};
    const bool is_told = trace(kGetSystemCallInfo, thread, sizeof(info), reinterpret_cast<uintptr_t>(&info)) > 0;
    if (is_told && (info.op != kEntry || ++counted_ != last_))
      return false;
    result_ = is_told ? kKilled : kRefused;
    if (is_told)
      fprintf(stderr, "killed at system call %llu\n", static_cast<unsigned long long>(info.number));
    kill(main_, SIGKILL);
    return true;
  }

  const pid_t main_;
  const bool counts_main_;
  const unsigned long last_;
  std::set<pid_t> threads_;
  /** The threads that began after the mark. */
  std::set<pid_t> started_;
  bool marked_ = false;
  unsigned long counted_ = 0;
  int result_ = kEnded;
};

} // namespace

int main(int count, char** arguments) {
  const unsigned long last = count > 3 ? strtoul(arguments[1], nullptr, 10) : 0;
  const bool counts_main = count > 3 && strcmp(arguments[2], "main") == 0;
  if (last == 0 || (!counts_main && strcmp(arguments[2], "started") != 0)) {
    fputs("usage: calls N main|started PROGRAM [ARGUMENT...], with N = 1 or more\n", stderr);
    return kWrongArguments;
  }
  const pid_t pid = start(arguments + 3);
  return pid == 0 ? kRefused : Program(pid, counts_main, last).run();
}
