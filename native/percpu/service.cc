#include "service.h"

#include "../rseq/clocks.h"
#include "../rseq/glibc_floor.h"
#include "../rseq/membarrier.h"
#include "../rseq/thread.h"
#include "extents.h"
#include "fence_rows.h"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef F_OFD_GETLK // Headers hide these three without _GNU_SOURCE; the numbers are the kernel's on all architectures.
#define F_OFD_GETLK 36
#define F_OFD_SETLK 37
#endif

namespace percpu {
namespace services {

/** The byte of a `processes` file that holds the number of the slot taken last. src/shared/processes-file.ts agrees. */
constexpr off_t kLastTaken = 16;
/** How long lock_byte() sleeps between two attempts. */
constexpr long kLockSleepNs = 1000000;
/** The byte of a `processes` file that a forked child locks, with others, until it has a slot of its own. */
constexpr uint64_t kChildWithoutSlot = 1;
/** How long to wait for a process that has kept somebody waiting in vain, and has not answered since. */
constexpr uint64_t kLateMs = 2;
constexpr uint32_t kGenerationMask = 0x3ff;

/** A slot as it is stored in the file. */
struct Slot {
  uint32_t pid;
  uint32_t way; ///< A Way.
  uint64_t generation;
  uint64_t taken; ///< Nanoseconds since 1970.
  uint64_t reserved_too;
  char title[kProcessTitleBytes];
};
static_assert(sizeof(Slot) == kProcessSlotBytes);
constexpr off_t kGenerationAt = offsetof(Slot, generation);

/** Identifies a file, independently of the path that leads to it. */
struct FileId {
  uint64_t inode;
  uint32_t major, minor;
};

struct Service {
  FileId id;
  char* path;
  char title[kProcessTitleBytes];
  Way way;
  int description; ///< The file description that holds the slot's lock; -1 if this process has no slot.
  int child;       ///< In a forked child without a slot: the file description that locks kChildWithoutSlot; else -1.
  fence_rows::Row* rows; ///< The file `fences`, mapped: a row for each slot. Null if it was not mapped.
  uint64_t held;         ///< Bits 0 to 31: the slot. Bits 32 to 63: its generation. 0 if this process has no slot.
};

struct Mapping {
  Mapping* next;
  uint64_t id;
  unsigned char* memory;
  size_t size;
  uint32_t service;
};

/** Guards the four variables below. A thread that forks holds it during the fork. */
pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
Service joined[kMostServices + 1];
uint32_t joined_count;
Mapping* mappings;
uint64_t mappings_made;

/** The words that note_owned() noted for this thread. */
struct OwnedWords {
  uint64_t** words;
  uint32_t count, capacity;
};
thread_local OwnedWords owned_words;

class Guarded {
public:
  Guarded() noexcept { pthread_mutex_lock(&guard); }
  ~Guarded() { pthread_mutex_unlock(&guard); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
};

void before_fork() noexcept {
  pthread_mutex_lock(&guard);
}

void after_fork() noexcept {
  pthread_mutex_unlock(&guard);
}

struct flock byte_lock(uint64_t byte, bool is_shared = false, uint64_t length = 1) noexcept {
  struct flock lock = {};
  lock.l_type = is_shared ? F_RDLCK : F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(byte);
  lock.l_len = static_cast<off_t>(length);
  return lock;
}

/** Lets other processes see that a child of this slot's process lives that has no slot, and that no fence reaches. */
bool tell_of_child(Service& of) noexcept {
  of.child = open(of.path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  struct flock lock = byte_lock(kChildWithoutSlot, true);
  return of.child >= 0 && fcntl(of.child, F_OFD_SETLK, &lock) == 0;
}

/**
 * Closes the parent's descriptions in the child: while the child had them open, a dead parent would seem to live. Until
 * the child has a slot of its own, it has a lock that says so.
 */
void after_fork_in_child() noexcept {
  for (uint32_t service = 1; service <= joined_count; service++) {
    Service& of = joined[service];
    const bool is_told = of.child >= 0 || tell_of_child(of);
    // If it cannot tell, nobody fences the parent's slot, which seems to be taken as long as the child lives.
    if (!is_told && of.rows != nullptr && of.held != 0)
      fence_rows::mark_unreachable(of.rows[static_cast<uint32_t>(of.held)]);
    else if (of.description >= 0)
      close(of.description);
    of.description = -1;
    __atomic_store_n(&of.held, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&detail::process_notes[service], 0, __ATOMIC_RELAXED);
  }
  __atomic_store_n(&detail::forks, detail::forks + 1, __ATOMIC_RELAXED);
  owned_words.count = 0;
  pthread_mutex_unlock(&guard);
}

/** The service whose mapping a word is in; 0 if it is in none by now. The caller holds the guard. */
uint32_t service_at(const void* memory) noexcept {
  const auto* address = static_cast<const unsigned char*>(memory);
  for (const Mapping* at = mappings; at != nullptr; at = at->next)
    if (address >= at->memory && address < at->memory + at->size)
      return at->service;
  return 0;
}

uint64_t process_bits(uint64_t held) noexcept;

/** Gives up what a thread owns that ends. Nobody unmaps the memory meanwhile, as that needs the guard. */
void give_up(uint64_t owner) noexcept {
  OwnedWords& owned = owned_words;
  if (owned.capacity == 0)
    return;
  const Guarded guarded;
  for (uint32_t i = 0; i < owned.count; i++) {
    const uint32_t service = service_at(owned.words[i]);
    uint64_t seen = owner ^ process_bits(joined[service].held);
    if (service != 0)
      __atomic_compare_exchange_n(owned.words[i], &seen, uint64_t{kOwnerDied}, false, __ATOMIC_RELEASE,
                                  __ATOMIC_RELAXED);
  }
  free(owned.words);
  owned = {};
}

void prepare() noexcept {
  before_owner_ends(give_up);
  pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/** The kernel's struct statx, of which only the file's identity is read. */
struct FileStatus {
  unsigned char before_inode[32];
  uint64_t inode;
  unsigned char before_device[96];
  uint32_t device_major;
  uint32_t device_minor;
  unsigned char after_device[112];
};
static_assert(offsetof(FileStatus, inode) == 32 && offsetof(FileStatus, device_major) == 136);
static_assert(sizeof(FileStatus) == 256);

/** Asks statx() for the inode: the kernel's STATX_INO. */
constexpr unsigned kAskForInode = 0x100;

bool identify(int file, FileId& id) noexcept {
  // Uses the system call: glibc 2.33 gave fstat() a new symbol version, and not every C library has a header that
  // declares statx() and its struct.
  FileStatus seen = {};
  if (syscall(SYS_statx, file, "", AT_EMPTY_PATH, kAskForInode, &seen) != 0)
    return false;
  id = {seen.inode, seen.device_major, seen.device_minor};
  return true;
}

bool is_same(const FileId& one, const FileId& other) noexcept {
  return one.inode == other.inode && one.major == other.major && one.minor == other.minor;
}

off_t place_of(uint32_t slot) noexcept {
  return static_cast<off_t>(slot) * kProcessSlotBytes;
}

bool read_generation(int description, uint32_t slot, uint64_t& generation) noexcept {
  return pread(description, &generation, sizeof(generation), place_of(slot) + kGenerationAt) ==
         static_cast<ssize_t>(sizeof(generation));
}

/** Writes this process into a slot whose lock the caller holds. Returns false if the file cannot be written. */
bool write_slot(const Service& service, int description, uint32_t slot, uint64_t generation) noexcept {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  Slot record = {};
  record.pid = static_cast<uint32_t>(getpid());
  record.way = static_cast<uint32_t>(service.way);
  record.generation = generation;
  record.taken = static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
  memcpy(record.title, service.title, sizeof(record.title));
  if (pwrite(description, &record, sizeof(record), place_of(slot)) != static_cast<ssize_t>(sizeof(record)))
    return false;
  // If two processes write here at once, the next search for a free slot skips one slot or tries one twice.
  return pwrite(description, &slot, sizeof(slot), kLastTaken) == static_cast<ssize_t>(sizeof(slot));
}

/** Lets other processes ask this one for fences, if it has a slot and the rows are mapped. The caller holds the guard.
 */
void serve_own_row(Service& service) noexcept {
  if (service.rows != nullptr && service.held != 0)
    fence_rows::begin(service.rows[static_cast<uint32_t>(service.held)]);
}

/** Takes the next free slot. Returns 0 or an errno. The caller holds the guard. */
int take_slot(Service& service) noexcept {
  const int description = open(service.path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (description < 0)
    return errno;
  FileId id;
  uint32_t last = 0;
  int error = !identify(description, id) || !is_same(id, service.id) ? ESTALE : EAGAIN;
  if (error == EAGAIN && pread(description, &last, sizeof(last), kLastTaken) != static_cast<ssize_t>(sizeof(last)))
    error = EIO;
  for (uint32_t tries = 0; error == EAGAIN && tries < kProcessSlots; tries++) {
    const uint32_t slot = static_cast<uint32_t>((uint64_t{last} + tries) % kProcessSlots) + 1;
    const int locked = lock_byte(description, static_cast<uint64_t>(place_of(slot)), 0);
    if (locked == EAGAIN)
      continue;
    uint64_t generation = 0;
    const bool is_written = locked == 0 && read_generation(description, slot, generation) &&
                            write_slot(service, description, slot, generation + 1);
    if (!is_written) {
      error = locked != 0 ? locked : EIO;
      break;
    }
    service.description = description;
    __atomic_store_n(&service.held, (generation + 1) << 32 | slot, __ATOMIC_RELEASE);
    serve_own_row(service);
    // Comes after the slot's lock: who sees no such child sees the slot.
    if (service.child >= 0)
      close(service.child);
    service.child = -1;
    return 0;
  }
  close(description);
  return error;
}

/** The slot of this process in bits 0 to 31 and its generation in bits 32 to 63. Takes a slot if it has none. */
uint64_t held_in(uint32_t number) noexcept {
  if (number == 0 || number > __atomic_load_n(&joined_count, __ATOMIC_ACQUIRE))
    return 0;
  Service& service = joined[number];
  const uint64_t held = __atomic_load_n(&service.held, __ATOMIC_ACQUIRE);
  if (held != 0)
    return held;
  const Guarded guarded;
  if (service.held == 0)
    take_slot(service);
  return service.held;
}

/** The bits that mark an owner's word as written by this process; `held` is as in Service. */
uint64_t process_bits(uint64_t held) noexcept {
  const uint64_t slot = static_cast<uint32_t>(held);
  return slot << kOwnerProcessShift | (held >> 32 & kGenerationMask) << kOwnerCheckShift;
}

constexpr uint32_t kNoteSlotBits = 10;
constexpr uint32_t kNoteGenerationMask = 0x3fff;
constexpr uint32_t kNoteCheckShift = 24;
static_assert(kProcessSlots < 1u << kNoteSlotBits);

/** The note of the process that has `slot` in this generation. */
uint32_t note_of(uint32_t slot, uint64_t generation) noexcept {
  const uint32_t named = (static_cast<uint32_t>(generation) & kNoteGenerationMask) << kNoteSlotBits | slot;
  const uint32_t check = named * 0x9e3779b1u >> kNoteCheckShift;
  return named | (check != 0 ? check : 1) << kNoteCheckShift;
}

/** Whether a word that names a thread of another process was written by the process that has that slot now. */
bool is_of_this_generation(int description, uint32_t slot, uint64_t word) noexcept {
  uint64_t generation = 0;
  if (!read_generation(description, slot, generation))
    return true;
  const uint64_t seen = (word >> kOwnerCheckShift & kGenerationMask) ^ owner_check(word);
  return seen == (generation & kGenerationMask);
}

bool is_locked(int description, uint32_t slot) noexcept {
  return is_byte_locked(description, static_cast<uint64_t>(place_of(slot)));
}

/** Calls `use` with each slot from `first` to `end - 1` that another process has. O(processes x log slots) calls. */
template <typename Use> void each_taken(int description, uint32_t first, uint32_t end, Use use) noexcept {
  const auto bytes = static_cast<uint64_t>(place_of(end - first));
  struct flock lock = byte_lock(static_cast<uint64_t>(place_of(first)), false, bytes);
  if (fcntl(description, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK)
    return;
  const uint32_t middle = first + (end - first) / 2;
  if (middle == first)
    return use(first);
  each_taken(description, first, middle, use);
  each_taken(description, middle, end, use);
}

/** Waits until no forked child is without a slot. */
bool children_have_slots(int description, uint64_t deadline) noexcept {
  while (is_byte_locked(description, kChildWithoutSlot)) {
    if (monotonic_ms() > deadline)
      return false;
    const timespec moment = {0, kLockSleepNs};
    nanosleep(&moment, nullptr);
  }
  return true;
}

/** Waits until the process of a slot has served a ticket or has died. */
bool is_fenced(const Service& service, uint32_t slot, uint32_t ticket, uint64_t deadline) noexcept {
  fence_rows::Row& row = service.rows[slot];
  const uint64_t soon = monotonic_ms() + kLateMs;
  for (;;) {
    const fence_rows::Answer answer = fence_rows::await(row, ticket);
    if (answer == fence_rows::Answer::done)
      return true;
    // The kernel has taken all CPUs from the threads of a dead process: none of them will ever store again.
    if (!is_locked(service.description, slot))
      return true;
    if (answer == fence_rows::Answer::never)
      return false;
    const uint64_t now = monotonic_ms();
    if (now > deadline) {
      fence_rows::mark_late(row);
      return false;
    }
    if (now > soon && fence_rows::is_late(row))
      return false;
  }
}

} // namespace services

int32_t join_service(int file, const char* path, const char* title, Way way) noexcept {
  using namespace services;
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, prepare);
  FileId id;
  if (!identify(file, id))
    return -errno;
  const Guarded guarded;
  for (uint32_t number = 1; number <= joined_count; number++) {
    if (!is_same(joined[number].id, id))
      continue;
    // A forked child has not taken a slot of its own yet.
    const int error = joined[number].held == 0 ? take_slot(joined[number]) : 0;
    return error == 0 ? static_cast<int32_t>(number) : -error;
  }
  if (joined_count == kMostServices)
    return -EMFILE;
  Service& service = joined[joined_count + 1];
  service = {};
  service.id = id;
  service.description = service.child = -1;
  service.way = way;
  service.path = strdup(path);
  if (service.path == nullptr)
    return -ENOMEM;
  memcpy(service.title, title, strnlen(title, sizeof(service.title)));
  const int error = take_slot(service);
  if (error != 0) {
    free(service.path);
    return -error;
  }
  __atomic_store_n(&joined_count, joined_count + 1, __ATOMIC_RELEASE);
  return static_cast<int32_t>(joined_count);
}

uint32_t service_slot(uint32_t service) noexcept {
  return static_cast<uint32_t>(services::held_in(service));
}

int serve_fences(uint32_t number, int file) noexcept {
  using namespace services;
  if (held_in(number) == 0)
    return ESRCH;
  const Guarded guarded;
  Service& service = joined[number];
  if (service.rows != nullptr)
    return 0;
  void* const rows = mmap(nullptr, kFenceRowsBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (rows == MAP_FAILED)
    return errno;
  __atomic_store_n(&service.rows, static_cast<fence_rows::Row*>(rows), __ATOMIC_RELEASE);
  serve_own_row(service);
  return 0;
}

bool fence_by_asking(uint32_t number, uint32_t cpu, uint32_t milliseconds) noexcept {
  using namespace services;
  const auto own = static_cast<uint32_t>(held_in(number));
  const Service& service = joined[number];
  if (own == 0 || __atomic_load_n(&service.rows, __ATOMIC_ACQUIRE) == nullptr)
    return false;
  if (may_run_sections() && !membarrier::fence(cpu))
    return false;
  const uint64_t deadline = monotonic_ms() + milliseconds;
  if (!children_have_slots(service.description, deadline))
    return false;
  struct {
    uint32_t slot, ticket;
  } asked[kProcessSlots];
  uint32_t count = 0;
  // Asks all before it waits for one. Whoever joins after this look sees what the caller stored before it.
  each_taken(service.description, 1, kProcessSlots + 1, [&](uint32_t slot) {
    if (slot != own)
      asked[count++] = {slot, fence_rows::ask(service.rows[slot])};
  });
  bool is_done = true;
  for (uint32_t i = 0; i < count && is_done; i++)
    is_done = is_fenced(service, asked[i].slot, asked[i].ticket, deadline);
  return is_done;
}

int service_file(uint32_t service) noexcept {
  return services::held_in(service) == 0 ? -1 : services::joined[service].description;
}

bool is_slot_taken(uint32_t service, uint32_t slot) noexcept {
  const uint32_t own = service_slot(service);
  if (slot == 0 || slot > kProcessSlots)
    return false;
  return own == 0 || own == slot || services::is_locked(services::joined[service].description, slot);
}

uint64_t name_in_service(uint32_t service, uint64_t owner) noexcept {
  const uint64_t held = owner == kNobody ? 0 : services::held_in(service);
  return held == 0 ? kNobody : owner ^ services::process_bits(held);
}

Life life_in_service(uint32_t service, uint64_t word) noexcept {
  const auto slot = static_cast<uint32_t>(word >> kOwnerProcessShift);
  // Only native threads of a process that has a slot write owners into this memory; any other word is damaged.
  if (slot == 0 || slot > kProcessSlots || (word & (kOwnerDied | kOwnerPortable)) != 0)
    return Life::ended;
  const uint64_t held = services::held_in(service);
  if (held == 0)
    return Life::alive;
  if (slot == static_cast<uint32_t>(held))
    return owner_life(word ^ services::process_bits(held));
  const int description = services::joined[service].description;
  return services::is_of_this_generation(description, slot, word) && services::is_locked(description, slot)
             ? Life::alive
             : Life::ended;
}

uint32_t detail::forks;
uint32_t detail::process_notes[kMostServices + 1];

uint32_t detail::make_process_note(uint32_t service) noexcept {
  const uint64_t held = services::held_in(service);
  if (held == 0)
    return 0;
  const uint32_t note = services::note_of(static_cast<uint32_t>(held), held >> 32);
  __atomic_store_n(&process_notes[service], note, __ATOMIC_RELAXED);
  return note;
}

Life life_of_note(uint32_t service, uint32_t note) noexcept {
  using namespace services;
  const uint32_t slot = note & ((1u << kNoteSlotBits) - 1);
  const uint64_t held = held_in(service);
  if (held == 0 || slot == 0 || slot > kProcessSlots || note != note_of(slot, note >> kNoteSlotBits))
    return Life::unknown;
  if (slot == static_cast<uint32_t>(held))
    return note == note_of(slot, held >> 32) ? Life::alive : Life::ended;
  const int description = joined[service].description;
  uint64_t generation = 0;
  const bool is_read = read_generation(description, slot, generation);
  return is_read && (note != note_of(slot, generation) || !is_locked(description, slot)) ? Life::ended : Life::alive;
}

bool is_byte_locked(int file, uint64_t byte) noexcept {
  struct flock lock = services::byte_lock(byte);
  return fcntl(file, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

int lock_byte(int file, uint64_t byte, uint32_t milliseconds, bool is_shared) noexcept {
  for (uint32_t turn = 0;; turn++) {
    struct flock lock = services::byte_lock(byte, is_shared);
    if (fcntl(file, F_OFD_SETLK, &lock) == 0)
      return 0;
    if (errno != EAGAIN && errno != EACCES && errno != EINTR)
      return errno;
    if (turn >= milliseconds)
      return EAGAIN;
    const timespec moment = {0, services::kLockSleepNs};
    nanosleep(&moment, nullptr);
  }
}

void note_owned(uint64_t* word) noexcept {
  services::OwnedWords& owned = services::owned_words;
  if (owned.count == owned.capacity) {
    const uint32_t capacity = owned.capacity == 0 ? 8 : 2 * owned.capacity;
    auto** words = static_cast<uint64_t**>(realloc(owned.words, capacity * sizeof(uint64_t*)));
    if (words == nullptr)
      return;
    owned.words = words;
    owned.capacity = capacity;
  }
  owned.words[owned.count++] = word;
}

void drop_owned(uint64_t* word) noexcept {
  services::OwnedWords& owned = services::owned_words;
  for (uint32_t i = owned.count; i-- != 0;) {
    if (owned.words[i] != word)
      continue;
    owned.words[i] = owned.words[--owned.count];
    return;
  }
}

void* map_shared(int file, size_t size, uint32_t service, uint64_t& id) noexcept {
  auto* made = static_cast<services::Mapping*>(calloc(1, sizeof(services::Mapping)));
  if (made == nullptr) {
    errno = ENOMEM;
    return nullptr;
  }
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) {
    free(made);
    return nullptr;
  }
  if (size == 0 || !make_present(service, memory, 1)) {
    munmap(memory, size);
    free(made);
    errno = ENOSPC;
    return nullptr;
  }
  const services::Guarded guarded;
  *made = {services::mappings, ++services::mappings_made, static_cast<unsigned char*>(memory), size, service};
  __atomic_store_n(&services::mappings, made, __ATOMIC_RELEASE);
  id = made->id;
  return memory;
}

void unmap_shared(uint64_t id) noexcept {
  services::Mapping* found;
  {
    const services::Guarded guarded;
    services::Mapping** at = &services::mappings;
    while (*at != nullptr && (*at)->id != id)
      at = &(*at)->next;
    found = *at;
    if (found == nullptr)
      return;
    __atomic_store_n(at, found->next, __ATOMIC_RELEASE);
  }
  munmap(found->memory, found->size);
  free(found);
}

uint32_t service_of(const void* memory) noexcept {
  if (__atomic_load_n(&services::mappings, __ATOMIC_ACQUIRE) == nullptr)
    return 0;
  const services::Guarded guarded;
  return services::service_at(memory);
}

} // namespace percpu
