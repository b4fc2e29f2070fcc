"""check-file over SSH: what is recorded of a file is what its sender and its recipient compute. With Debian's Python, for paramiko."""

import hashlib
import os
import unittest

from hub import HubCase
from raw_sftp import EXTENDED_REPLY, RawSftp, extended, text


class CheckFile(HubCase):
    def test_the_hash_is_of_what_was_put_and_of_what_is_collected(self):
        hub, content = self.hub, os.urandom(100_000)
        with hub.paramiko(hub.sender) as client, client.open_sftp() as sftp:
            path = f"{hub.send_folder()}/rows.csv"
            with sftp.open(path, "wb") as file:
                file.write(content)
                file.flush()
                with self.assertRaisesRegex(OSError, "recorded when the file is finished"):
                    file.check("sha256")
            with sftp.open("/README.txt") as file, self.assertRaisesRegex(OSError, "No hash is recorded of this"):
                file.check("sha256")
        # By name, as WinSCP asks.
        with hub.paramiko(hub.sender) as client, RawSftp(client) as raw:
            (answer,) = raw.ask([extended("check-file-name", text(path.encode()) + text(b"md5,sha256") + bytes(8 + 8 + 4))])
            self.assertEqual((answer.kind, answer.body), (EXTENDED_REPLY, text(b"sha256") + hashlib.sha256(content).digest()))
        with hub.paramiko(hub.receiver) as client, client.open_sftp() as sftp:
            with sftp.open(f"{hub.collect_folder()}/rows.csv.age") as file:
                digest = file.check("sha256")
                self.assertEqual(digest, hashlib.sha256(file.read()).digest())
                with self.assertRaisesRegex(OSError, "Only SHA-256 is recorded"):
                    file.check("md5")
                with self.assertRaisesRegex(OSError, "Only the hash of a whole file"):
                    file.check("sha256", 0, 0, 1024)


if __name__ == "__main__":
    unittest.main()
