import com.jcraft.jsch.ChannelSftp;
import com.jcraft.jsch.JSch;
import com.jcraft.jsch.Session;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** Carries out commands from standard input, one a line, separated by tabs, with JSch: see sftp_clients.py, Library. */
public class JschClient {
  public static void main(String[] arguments) throws Exception {
    JSch jsch = new JSch();
    jsch.addIdentity(arguments[2]);
    jsch.setKnownHosts(arguments[3]);
    Session session = jsch.getSession(arguments[1], "127.0.0.1", Integer.parseInt(arguments[0]));
    int code = 0;
    try {
      session.connect(60_000);
      ChannelSftp sftp = (ChannelSftp) session.openChannel("sftp");
      sftp.connect(60_000);
      BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      for (String line; (line = commands.readLine()) != null; ) carryOut(sftp, line.split("\t"));
    } catch (Exception refused) {
      System.err.println(refused.getMessage());
      code = 1;
    }
    session.disconnect();
    System.exit(code);
  }

  private static void carryOut(ChannelSftp sftp, String[] words) throws Exception {
    switch (words[0]) {
      case "put": sftp.put(words[1], literal(words[2])); break;
      case "get": sftp.get(literal(words[1]), words[2]); break;
      case "rename": sftp.rename(literal(words[1]), words[2]); break;
      case "remove": sftp.rm(literal(words[1])); break;
      case "stat": System.out.println(sftp.stat(literal(words[1])).getSize()); break;
      case "times": sftp.setMtime(literal(words[1]), Integer.parseInt(words[2])); break;
      case "list":
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        for (Object entry : sftp.ls(words[1])) out.println(((ChannelSftp.LsEntry) entry).getFilename());
        break;
      default: throw new IllegalArgumentException(words[0]);
    }
  }

  /** JSch reads * ? and \ in the paths it is given as patterns. */
  private static String literal(String path) {
    return path.replaceAll("([*?\\\\])", "\\\\$1");
  }
}
