"""What stands between the hub and its peers, and acts at one exact moment of the commit protocol."""

import socket
import struct
import threading

APPEND = 1  # the verb of a request and the kind of its reply (docs/ledger-service.md, "Frames")
DURABLE = 0


def pump(take, pass_on):
    """Moves frames or bytes until one side ends or `pass_on` answers False; then both sides end."""
    try:
        while (got := take()) and pass_on(got):
            pass
    except OSError:
        pass


def join(one, other, forth, back):
    """Serves two connected sockets in both directions, each by its pump, until either ends; then both are closed."""
    def end_after(pumping):
        pumping()
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def serve():
        returning = threading.Thread(target=end_after, args=(back,), daemon=True)
        returning.start()
        end_after(forth)
        returning.join()
        one.close()
        other.close()

    threading.Thread(target=serve, daemon=True).start()


class Listener:
    """Accepts on `listening` and hands every connection, with one of its own to the real peer, to serve()."""

    def __init__(self, listening, connect):
        self.listening, self.connect = listening, connect
        listening.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            try:
                server = self.connect()
            except OSError:
                client.close()
                continue
            self.serve(client, server)

    def close(self):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()


class LedgerProxy(Listener):
    """Between chanceryd and chancery-ledgerd. Once armed, on_commit(hand_over) is called when the ledger has answered that
    an accepted file is durable, and decides whether chanceryd gets the answer; on_request(hand_over) when it is asked."""

    def __init__(self, path, real):
        self.path = path
        self.on_request = self.on_commit = None
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(path))
        super().__init__(listening, lambda: self.connect_to(str(real)))

    @staticmethod
    def connect_to(path):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        return connection

    @staticmethod
    def frame(connection):
        def exactly(count):
            data = b""
            while len(data) < count:
                more = connection.recv(count - len(data))
                if not more:
                    raise OSError("the connection ended")
                data += more
            return data

        prefix = exactly(4)
        return prefix + exactly(struct.unpack(">I", prefix)[0])

    def serve(self, client, server):
        asked = set()

        def forth(frame):
            if frame[4] == APPEND and b"file.accepted" in frame:
                asked.add(frame[5:13])
                if self.on_request:
                    return self.act("on_request", lambda: server.sendall(frame))
            server.sendall(frame)
            return True

        def back(frame):
            if frame[4] == APPEND and frame[5:13] in asked and self.on_commit:
                assert frame[13] == DURABLE, "the ledger did not take the file"
                return self.act("on_commit", lambda: client.sendall(frame))
            client.sendall(frame)
            return True

        join(client, server, lambda: pump(lambda: self.frame(client), forth), lambda: pump(lambda: self.frame(server), back))

    def act(self, which, hand_over):
        action = getattr(self, which)
        setattr(self, which, None)
        return action(hand_over)


class ClientProxy(Listener):
    """Between an SFTP client and chanceryd. Once `swallow` is set the client gets nothing more, and swallow() is called
    when the hub has sent something."""

    def __init__(self, port):
        self.swallow = None
        super().__init__(socket.create_server(("127.0.0.1", 0)), lambda: socket.create_connection(("127.0.0.1", port)))
        self.port = self.listening.getsockname()[1]

    def serve(self, client, server):
        def back(data):
            if self.swallow:
                self.swallow()
                return False
            client.sendall(data)
            return True

        def forth(data):
            server.sendall(data)
            return True

        join(client, server, lambda: pump(lambda: client.recv(65536), forth), lambda: pump(lambda: server.recv(65536), back))


class CuttingProxy(Listener):
    """Between an SFTP client and chanceryd. The first `cuts` connections end, for both or, if `hang`, for the client alone,
    once the client has sent `after` bytes; those that follow pass whole."""

    def __init__(self, port, after, cuts=1, hang=False):
        self.after, self.left, self.hang = after, cuts, hang
        self.hanging = []
        super().__init__(socket.create_server(("127.0.0.1", 0)), lambda: socket.create_connection(("127.0.0.1", port)))
        self.port = self.listening.getsockname()[1]

    def serve(self, client, server):
        cut = self.left > 0
        self.left -= 1
        sent = 0

        def forth(data):
            nonlocal sent
            server.sendall(data)
            sent += len(data)
            if not cut or sent < self.after:
                return True
            if self.hang:
                self.hanging.append(server.dup())
                client.shutdown(socket.SHUT_RDWR)
                threading.Event().wait()
            return False

        def back(data):
            client.sendall(data)
            return True

        join(client, server, lambda: pump(lambda: client.recv(65536), forth), lambda: pump(lambda: server.recv(65536), back))
