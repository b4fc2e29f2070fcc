"""Carries out commands from standard input, one a line, separated by tabs, with paramiko: see sftp_clients.py, Library."""

import sys
import warnings

warnings.simplefilter("ignore")  # of its own libraries

import paramiko


def carry_out(sftp, command, first, second=None):
    if command == "put":
        sftp.put(first, second)  # looks at the size afterwards
    elif command == "get":
        sftp.get(first, second)
    elif command == "rename":
        sftp.posix_rename(first, second)
    elif command == "remove":
        sftp.remove(first)
    elif command == "stat":
        print(sftp.stat(first).st_size)
    elif command == "times":
        sftp.utime(first, (int(second), int(second)))
    elif command == "list":
        print("\n".join(sftp.listdir(first)))
    else:
        raise ValueError(command)


def main():
    port, user, key, known_hosts = sys.argv[1:]
    with paramiko.SSHClient() as client:
        client.load_host_keys(known_hosts)
        client.connect("127.0.0.1", int(port), user, key_filename=key, allow_agent=False, look_for_keys=False, timeout=60,
                       banner_timeout=60, auth_timeout=60)
        with client.open_sftp() as sftp:
            for line in sys.stdin.read().splitlines():
                carry_out(sftp, *line.split("\t"))


try:
    main()
except OSError as refused:
    sys.exit(str(refused))
