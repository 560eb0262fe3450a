"""Steps over restartable sequences in gdb.

    (gdb) source docs/gdb/rseq.py
    (gdb) rseq-sections        which sections the loaded program has
    (gdb) rseq-stepi           as stepi, but runs a section as if it were one instruction

Whenever a debugger stops a thread inside a critical section, the kernel restarts the section. A
section must therefore be run from the instruction before its start (which arms it) up to one of the
places where it can end. The tables for that are in the program itself; see docs/debugging.md.
"""

import re
import struct

import gdb

DESCRIPTOR_SIZE = 32


class Section:
    """One critical section of the program, at the addresses it is loaded at."""

    def __init__(self, start, length, abort):
        self.start = start
        self.end = start + length
        self.abort = abort
        self.exits = set()

    def name(self):
        """The function that holds it."""
        block = gdb.execute("info symbol %#x" % self.start, to_string=True)
        return block.split(" ")[0] if " in section " in block else "%#x" % self.start

    def ways_out(self):
        """Everywhere that the program can be after the section, and how it then has ended."""
        ways = {address: "left" for address in self.exits}
        ways[self.end] = "committed"
        ways[self.abort] = "aborted"
        return ways


def read_tables(name, entry_format):
    """The entries of all loaded tables of that name."""
    size = struct.calcsize(entry_format)
    for line in gdb.execute("info files", to_string=True).splitlines():
        found = re.match(r"\s*(0x[0-9a-f]+) - (0x[0-9a-f]+) is (\S+)", line)
        if not found or found.group(3) != name:
            continue
        address, end = int(found.group(1), 16), int(found.group(2), 16)
        count = (end - address) // size
        memory = gdb.selected_inferior().read_memory(address, count * size)
        yield from struct.iter_unpack(entry_format, bytes(memory))


def read_sections():
    """All sections of the program and its libraries. Read anew each time: libraries come and go."""
    sections = {}
    inferior = gdb.selected_inferior()
    for (descriptor,) in read_tables("__rseq_cs_ptr_array", "<Q"):
        memory = bytes(inferior.read_memory(descriptor, DESCRIPTOR_SIZE))
        _, _, start, length, abort = struct.unpack("<IIQQQ", memory)
        sections[start] = Section(start, length, abort)
    for start, exit_point in read_tables("__rseq_exit_point_array", "<QQ"):
        if start in sections:
            sections[start].exits.add(exit_point)
    return sections.values()


def section_ahead(frame):
    """The section that the next instruction is in, or would lead into: then it arms it."""
    pc = frame.pc()
    following = pc + frame.architecture().disassemble(pc)[0]["length"]
    for section in read_sections():
        if section.start <= pc < section.end or section.start == following:
            return section
    return None


def run_to(addresses):
    """Lets the selected thread run to one of the addresses."""
    breakpoints = []
    try:
        for address in addresses:
            breakpoint = gdb.Breakpoint("*%#x" % address, internal=True)
            breakpoint.silent = True
            breakpoint.thread = gdb.selected_thread().num
            breakpoints.append(breakpoint)
        gdb.execute("continue", to_string=True)
    finally:
        for breakpoint in breakpoints:
            breakpoint.delete()


def is_alive():
    return gdb.selected_thread() is not None and gdb.selected_thread().is_valid()


class StepInstruction(gdb.Command):
    """Step one machine instruction, or over a whole restartable sequence.
Usage: rseq-stepi [COUNT]
The sequence runs undisturbed, from the instruction that arms it to where it ends."""

    def __init__(self):
        super().__init__("rseq-stepi", gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        count = int(gdb.parse_and_eval(argument)) if argument else 1
        for _ in range(count):
            self.step()
            if not is_alive():
                return
        gdb.execute("x/i $pc")

    def step(self):
        section = section_ahead(gdb.newest_frame())
        if section is None:
            gdb.execute("stepi", to_string=True)
            return
        ways = section.ways_out()
        run_to(ways)
        if is_alive():
            how = ways.get(gdb.newest_frame().pc(), "interrupted")
            print("%s: %s" % (section.name(), how))


class ListSections(gdb.Command):
    """List the restartable sequences of the program and its libraries.
Usage: rseq-sections"""

    def __init__(self):
        super().__init__("rseq-sections", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        for section in sorted(read_sections(), key=lambda section: section.start):
            exits = ", ".join("%#x" % address for address in sorted(section.exits))
            print(
                "%#x to %#x  abort %#x  exits %s  %s"
                % (section.start, section.end, section.abort, exits, section.name())
            )


# To get past a breakpoint, gdb may run the instruction under it as a copy elsewhere, and return. For a
# section that is fatal: the kernel finds the thread outside, forgets the section, and never aborts what
# is left of it.
gdb.execute("set displaced-stepping off")

StepInstruction()
ListSections()
