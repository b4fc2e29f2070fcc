// Carries out commands from standard input, one a line, separated by tabs, with npm's ssh2-sftp-client: see
// sftp_clients.py, Library.
const fs = require('fs');
const Client = require('ssh2-sftp-client');

const [port, username, key, knownHosts] = process.argv.slice(2);
const hostKey = fs.readFileSync(knownHosts, 'utf8').trim().split(' ')[2];

async function carryOut(sftp, [command, first, second]) {
  switch (command) {
    case 'put': return sftp.fastPut(first, second);
    case 'put-stream': return sftp.put(fs.createReadStream(first), second);
    case 'get': return sftp.fastGet(first, second);
    case 'rename': return sftp.rename(first, second);
    case 'remove': return sftp.delete(first);
    case 'stat': return console.log((await sftp.stat(first)).size);
    case 'list': return (await sftp.list(first)).forEach((entry) => console.log(entry.name));
    default: throw new Error(command);
  }
}

async function main() {
  const sftp = new Client();
  try {
    await sftp.connect({
      host: '127.0.0.1', port: Number(port), username, privateKey: fs.readFileSync(key), readyTimeout: 60000,
      hostVerifier: (offered) => offered.toString('base64') === hostKey,
    });
    for (const line of fs.readFileSync(0, 'utf8').split('\n').filter(Boolean))
      await carryOut(sftp, line.split('\t'));
  } catch (refused) {
    console.error(refused.message);
    process.exitCode = 1;
  }
  await sftp.end();
}

main();
