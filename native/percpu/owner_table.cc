#include "owner_table.h"

#include <cstring>
#include <link.h>

/** The table of this copy. It has a C name, as the note below is written in assembly. */
extern "C" {
[[gnu::visibility("hidden"), gnu::used]] percpu::owners::Table rseq_owner_table;
}

// The note says where the table lies, counted from the note's own content. A note is found by the program headers
// alone: neither the visibility of symbols nor what a linker exports of an archive matters.
#define RSEQ_TEXT_OF(number) #number
#define RSEQ_TEXT(number) RSEQ_TEXT_OF(number)
__asm__(".pushsection .note.rseq, \"a\", %note\n"
        ".balign 4\n"
        ".long 5\n" // Bytes of the name, without what pads it.
        ".long 4\n" // Bytes of the content.
        ".long " RSEQ_TEXT(RSEQ_OWNER_TABLE_VERSION) "\n"
                                                     ".asciz \"rseq\"\n"
                                                     ".balign 4\n"
                                                     ".long rseq_owner_table - .\n"
                                                     ".popsection\n");
#undef RSEQ_TEXT
#undef RSEQ_TEXT_OF

namespace percpu {
namespace owners {
namespace {

constexpr char kNoteName[] = "rseq";

/** `size` with what pads it in a segment of notes. */
size_t padded(size_t size, size_t alignment) noexcept {
  return (size + alignment - 1) / alignment * alignment;
}

/** The table that a note describes; null if it is not a note of this library. */
Table* table_of_note(const ElfW(Nhdr) & note, const char* name, const char* content) noexcept {
  int32_t offset;
  if (note.n_type != RSEQ_OWNER_TABLE_VERSION || note.n_namesz != sizeof(kNoteName) ||
      note.n_descsz != sizeof(offset) || memcmp(name, kNoteName, sizeof(kNoteName)) != 0)
    return nullptr;
  memcpy(&offset, content, sizeof(offset));
  return reinterpret_cast<Table*>(reinterpret_cast<uintptr_t>(content) + static_cast<uintptr_t>(intptr_t{offset}));
}

/** The table that a segment of notes describes, which begins at `notes` and has `size` bytes; or null. */
Table* table_in_notes(const char* notes, size_t size, size_t alignment) noexcept {
  ElfW(Nhdr) note;
  while (size >= sizeof(note)) {
    memcpy(&note, notes, sizeof(note));
    const size_t content = padded(sizeof(note) + note.n_namesz, alignment);
    const size_t end = padded(content + note.n_descsz, alignment);
    if (end > size)
      return nullptr;
    Table* const found = table_of_note(note, notes + sizeof(note), notes + content);
    if (found != nullptr)
      return found;
    notes += end;
    size -= end;
  }
  return nullptr;
}

/** Ends the walk over the loaded objects, by an answer other than 0, at the first that has a table. */
int look_into(dl_phdr_info* object, size_t, void* found) noexcept {
  for (size_t k = 0; k < object->dlpi_phnum; k++) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[k];
    if (segment.p_type != PT_NOTE)
      continue;
    const auto* notes = reinterpret_cast<const char*>(object->dlpi_addr + segment.p_vaddr);
    Table* const table = table_in_notes(notes, segment.p_memsz, segment.p_align == 8 ? 8 : 4);
    if (table != nullptr) {
      *static_cast<Table**>(found) = table;
      return 1;
    }
  }
  return 0;
}

/** Null before the first search. All searches find one table. */
Table* shared = nullptr;

[[gnu::constructor]] void find_at_load() noexcept {
  table();
}

} // namespace

Table& table() noexcept {
  Table* known = __atomic_load_n(&shared, __ATOMIC_RELAXED);
  if (__builtin_expect(known != nullptr, true))
    return *known;
  known = &rseq_owner_table;
  dl_iterate_phdr(look_into, &known);
  __atomic_store_n(&shared, known, __ATOMIC_RELAXED);
  return *known;
}

} // namespace owners
} // namespace percpu
