"""dictated.py FILE SOCKET: writes the file to its terminal up to each offset that comes over the socket, and says so."""
import os
import socket
import sys
import tty

tty.setraw(0)
data, at = open(sys.argv[1], "rb").read(), 0
with socket.socket(socket.AF_UNIX) as link:
    link.connect(sys.argv[2])
    with link.makefile("rw") as orders:
        for order in orders:
            while at < int(order):
                at += os.write(1, data[at:int(order)])
            orders.write("done\n")
            orders.flush()
