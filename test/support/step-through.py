"""For gdb: repeats $step in a function until it has returned, at most $limit times.

Prints what rseq-stepi says of sections, and then "returned after N steps" or "still inside after N
steps".
"""

import gdb


def real(frame):
    """The frame of a function of its own, whatever was inlined into it."""
    while frame.type() == gdb.INLINE_FRAME:
        frame = frame.older()
    return frame


step = gdb.convenience_variable("step").string()
limit = int(gdb.convenience_variable("limit"))
caller = real(gdb.newest_frame()).older()
back, name = caller.pc(), real(caller).name()
gdb.Breakpoint("*%#x" % back, temporary=True)


def returned():
    return real(gdb.newest_frame()).name() == name


steps = 0
while steps < limit and not returned():
    for line in gdb.execute(step, to_string=True).splitlines():
        if line.startswith("rseq_") and ":" in line:
            print(line)
    steps += 1
print("%s after %d steps" % ("returned" if returned() else "still inside", steps))
