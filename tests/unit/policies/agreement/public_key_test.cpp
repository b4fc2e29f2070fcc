#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "policies/agreement/agreement.h"

namespace chancery::agreement {
namespace {

// Made with ssh-keygen; the fingerprints are what `ssh-keygen -l` printed.
const std::array<std::pair<std::string_view, std::string_view>, 5> kKeys{{
    {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILelR7zaGHGkpyWBWZzWq4JDRemvyxLIVw8pImXRT/o5 test@exam"
     "ple",
     "SHA256:H1ILBQcSsG0YvI0mhMcJ/GdEkd+2iJ1L3OuZOEHAjmE"},
    {"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBNIvqO18RMycmK7a/B"
     "O3b540oKh0MEQCbClYbKQsvljiu+UqrJjX7tWRMLs1vLn8wzkHxZzLITIO9AOu/kX05VE= test@example",
     "SHA256:sEcN1w5I5sFmPVa6HE2i6oD0v1z1nwBMy6cizNHhVBw"},
    {"ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBNun0zinrzjYY2sQ6j"
     "WV0h8KTetlkCMmJia9TWe6kf/0JyVXwNaZwUtHmITJWKr+SpONj4puJkanFqacavXkXbavmA877rrR7nhOEGZ6Xrg8"
     "huMAn8Iht5quHOq5eewnXQ== test@example",
     "SHA256:JW81YIOcjidJVGzjdyMDOSAQMqMl5/j6xXJs1rPtcT0"},
    {"ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAHaSSmO3HJnu1NrgF"
     "VKdIfrkwdm+8FBjdhQpUPhZe+DMKMGXigVvfZGu5Jskvi+TlB5EeI6FJUqLS6DgabLdzagLwFksIVBVLRDCa/QVDmO"
     "hEVUXMDdLgvhZJfGge6iH1tZ8pIZcAgQyo3PpbiBlc4gV0GSSCuj85uFse4ptWcrAko6zA== test@example",
     "SHA256:9Q924EcF4bbAZ6OfwgFUu+6/MFlU+hhbRaO7M+HjhTw"},
    {"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDDqgRi8lQTyNBB0MInXwjdCIe1iAudpVTcbbZ9maN5GT6lGsAk4N"
     "DbKZ4WwnnNenVQpYmzAZjuZVvyehG0KEjuYRfnRwKgNdIXIkPbSrw9W3NutYUBs2Sr3qnKschCJc9pRMHwVCqMdtFt"
     "vEpEePoTD6UykvlOyMExPQqCneEdQr/USl7RQZ+TG3iMWFTevPvm0nfE3VnWjeXY9ONSFaBl1EYo1L18aMXGVaGp+e"
     "MTzubfOODl3+DCL7zbeV2mW8snqGMkV3xD8ofoGwHkEnxOxtt6ONCi1Y7MlVx/c6o9M487cndaEqzgA4cDIDGPwQEA"
     "agt17iqMKlmzOF9GXdhh test@example",
     "SHA256:NMOXRCRtV5FP5swrGpjuL2imWvDFargFsylD+0rd2sQ"},
}};

using Bytes = std::vector<std::uint8_t>;

std::string base64(const Bytes& bytes) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = (group << 8U) | (i + j < bytes.size() ? bytes[i + j] : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text += i + j <= bytes.size() ? kDigits[(group >> (18 - 6 * j)) & 63U] : '=';
    }
  }
  return text;
}

Bytes field(const Bytes& value) {
  Bytes out{0, 0, static_cast<std::uint8_t>(value.size() >> 8U), static_cast<std::uint8_t>(value.size())};
  out.insert(out.end(), value.begin(), value.end());
  return out;
}

Bytes field(std::string_view text) { return field(Bytes(text.begin(), text.end())); }

// "NAME base64(fields...)", each field with its length before it.
std::string line(const std::string& name, const std::vector<Bytes>& fields) {
  Bytes blob;
  for (const Bytes& one : fields) {
    blob.insert(blob.end(), one.begin(), one.end());
  }
  return name + " " + base64(blob);
}

Bytes number(std::size_t bytes, std::uint8_t first) {
  Bytes value(bytes, 0x11);
  value.front() = first;
  return value;
}

bool good(const std::string& text) { return PublicKey::parse(text).has_value(); }

TEST(PublicKey, ReadsWhatSshKeygenWrites) {
  for (const auto& [text, fingerprint] : kKeys) {
    const auto key = PublicKey::parse(text);
    ASSERT_TRUE(key) << text;
    EXPECT_EQ(key->fingerprint, fingerprint);
    const std::string bare = key->algorithm + " " + key->base64;
    EXPECT_EQ(bare, text.substr(0, text.rfind(' ')));
    EXPECT_TRUE(good(bare)) << "without a comment";
  }
}

TEST(PublicKey, HoldsTheBlobToItsAlgorithm) {
  const Bytes key(32, 7);
  EXPECT_TRUE(good(line("ssh-ed25519", {field("ssh-ed25519"), field(key)})));
  EXPECT_FALSE(good(line("ssh-ed25519", {field("ssh-rsa"), field(key)}))) << "another name inside";
  EXPECT_FALSE(good(line("ssh-ed25519", {field("ssh-ed25519"), field(Bytes(31, 7))}))) << "short key";
  EXPECT_FALSE(good(line("ssh-ed25519", {field("ssh-ed25519"), field(Bytes(33, 7))}))) << "long key";
  EXPECT_FALSE(good(line("ssh-ed25519", {field("ssh-ed25519"), field(key), {0}}))) << "something after it";
  EXPECT_FALSE(good(line("ssh-ed25519", {field("ssh-ed25519"), {0, 0, 0, 33}, key})))
      << "a length beyond the end";
  EXPECT_FALSE(good(line("ssh-ed25519", {field("ssh-ed25519"), {255, 255, 255, 255}, key})))
      << "a huge length";
  EXPECT_FALSE(good(line("ssh-ed25519", {{0, 0}}))) << "cut short";
}

TEST(PublicKey, HoldsPointsToTheirCurve) {
  const std::string name = "ecdsa-sha2-nistp256";
  EXPECT_TRUE(good(line(name, {field(name), field("nistp256"), field(number(65, 4))})));
  EXPECT_FALSE(good(line(name, {field(name), field("nistp384"), field(number(65, 4))}))) << "another curve";
  EXPECT_FALSE(good(line(name, {field(name), field("nistp256"), field(number(33, 2))}))) << "compressed";
  EXPECT_FALSE(good(line(name, {field(name), field("nistp256"), field(number(97, 4))}))) << "another size";
  EXPECT_FALSE(good(line(name, {field(name), field("nistp256"), field(Bytes{})}))) << "nothing";
}

TEST(PublicKey, HoldsRsaToItsSizeAndForm) {
  const auto rsa = [](const Bytes& exponent, const Bytes& modulus) {
    return good(line("ssh-rsa", {field("ssh-rsa"), field(exponent), field(modulus)}));
  };
  const Bytes exponent{1, 0, 1};
  Bytes modulus = number(256, 0x91);
  modulus.insert(modulus.begin(), 0);  // 2048 bits, whose high bit wants a zero before it
  EXPECT_TRUE(rsa(exponent, modulus));
  EXPECT_FALSE(rsa(exponent, number(256, 0x71))) << "2047 bits";
  EXPECT_FALSE(rsa(exponent, number(256, 0x91))) << "negative";
  EXPECT_TRUE(rsa(exponent, number(2048, 0x71)));
  EXPECT_FALSE(rsa(exponent, number(2049, 0x71))) << "over 16384 bits";
  Bytes padded = number(300, 0x11);
  padded.insert(padded.begin(), 0);
  EXPECT_FALSE(rsa(exponent, padded)) << "a zero that is not wanted";
  Bytes even = modulus;
  even.back() = 0x10;
  EXPECT_FALSE(rsa(exponent, even)) << "an even modulus";
  EXPECT_FALSE(rsa({1}, modulus)) << "exponent 1";
  EXPECT_FALSE(rsa({4}, modulus)) << "an even exponent";
  EXPECT_FALSE(rsa({}, modulus)) << "no exponent";
  EXPECT_FALSE(rsa(exponent, {})) << "no modulus";
}

TEST(PublicKey, TakesOneCanonicalLineOnly) {
  const std::string key = std::string(kKeys[0].first);
  const std::string blob = key.substr(12, 68);
  EXPECT_TRUE(good("ssh-ed25519 " + blob));
  EXPECT_TRUE(good("ssh-ed25519 " + blob + " any comment at all"));
  for (const std::string& text :
       {std::string(), std::string("ssh-ed25519"), "ssh-ed25519  " + blob, " ssh-ed25519 " + blob,
        "ssh-ed25519\t" + blob, "ssh-ed25519 " + blob + "\n", "ssh-ed25519 " + blob + "\nssh-ed25519 " + blob,
        "ssh-ed25519 " + blob.substr(0, 67), "ssh-ed25519 " + blob + "AAAA", "ssh-ed25519 " + blob + "=",
        "SSH-ED25519 " + blob, "restrict ssh-ed25519 " + blob, "ssh-rsa " + blob, "ssh-dss " + blob,
        "ssh-ed25519-cert-v01@openssh.com " + blob, "sk-ssh-ed25519@openssh.com " + blob,
        "ssh-ed25519 " + std::string(100'000, 'A'),
        "ssh-ed25519 " + blob.substr(0, 30) + "*" + blob.substr(31)}) {
    EXPECT_FALSE(good(text)) << text.substr(0, 100);
  }
}

}  // namespace
}  // namespace chancery::agreement
