"""The runner: moves lines between one board's serial port and the daemon. It decides nothing.

    frame.py     frames, CRC, percent-encoding, lines: pure
    log.py       what the board prints besides
    port.py      opening and reading the serial port, and what to say when that fails
    link.py      one request, one reply, however many bytes are lost in between
    agent.py     the verbs of the agent protocol, and one run from upload to result
    messages.py  JSON lines from and to the daemon
"""
