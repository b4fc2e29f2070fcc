#include <barrier>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "policies/route/decide.h"

namespace chancery::route {
namespace {

std::string utf8(char32_t code) {
  const auto byte = [](char32_t value) { return static_cast<char>(static_cast<unsigned char>(value)); };
  if (code < 0x80) {
    return {byte(code)};
  }
  if (code < 0x800) {
    return {byte(0xC0 | (code >> 6U)), byte(0x80 | (code & 0x3FU))};
  }
  if (code < 0x10000) {
    return {byte(0xE0 | (code >> 12U)), byte(0x80 | ((code >> 6U) & 0x3FU)), byte(0x80 | (code & 0x3FU))};
  }
  return {byte(0xF0 | (code >> 18U)), byte(0x80 | ((code >> 12U) & 0x3FU)),
          byte(0x80 | ((code >> 6U) & 0x3FU)), byte(0x80 | (code & 0x3FU))};
}

std::string hex(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    text += kDigits[static_cast<unsigned char>(c) >> 4U];
    text += kDigits[static_cast<unsigned char>(c) & 15U];
  }
  return text;
}

TEST(Name, OfOrdinaryFilesIsAccepted) {
  for (const std::string& name : {std::string("oct.csv"),
                                  std::string("Oct 2026 (final) v2.csv"),
                                  std::string("é.csv"),
                                  std::string("...a"),
                                  std::string(".hidden"),
                                  std::string("a..b"),
                                  std::string("-rf"),
                                  std::string("~root"),
                                  std::string("ŵyr.csv"),
                                  std::string("生年月日.csv"),
                                  std::string("עברית.txt"),
                                  std::string("CON"),
                                  std::string("a:b"),
                                  std::string("%2e%2e%2f"),
                                  std::string("½.txt"),
                                  std::string("naïve—dash.pdf"),
                                  std::string("\U0001F476.jpg"),
                                  std::string(200, 'n'),
                                  std::string("$(reboot).csv"),
                                  std::string("'; drop table--")}) {
    EXPECT_EQ(name_mistake(name), std::nullopt) << name;
  }
}

// Characters that may stand nowhere in a name.
std::vector<char32_t> refused_characters() {
  std::vector<char32_t> all;
  for (char32_t code = 0; code < 0x20; ++code) {
    all.push_back(code);
  }
  for (char32_t code = 0x7F; code < 0xA0; ++code) {
    all.push_back(code);
  }
  for (const char32_t code :
       {U'/',          U'\\',         U'\u2044', U'\u2215', U'\u2216', U'\u2571', U'\u2572',
        U'\u29F5',     U'\u29F8',     U'\u29F9', U'\uFF0F', U'\uFF3C', U'\uFE68', U'\u2100',
        U'\u2105',     U'\u2106',  // slashes
        U'\u061C',     U'\u200E',     U'\u200F', U'\u202A', U'\u202B', U'\u202C', U'\u202D',
        U'\u202E',                                           // bidi
        U'\u2066',     U'\u2067',     U'\u2068', U'\u2069',  //
        U'\u200B',     U'\u200C',     U'\u200D', U'\u2060', U'\uFEFF', U'\u00AD', U'\u034F',
        U'\u115F',     U'\u1160',     U'\u17B4', U'\u180E', U'\u2061', U'\u2064', U'\u3164',
        U'\uFFA0',     U'\uFE0F',     U'\u2800',  // unseen
        U'\u2028',     U'\u2029',     U'\uE000', U'\uFFFE', U'\uFDD0', U'\uFFF9', U'\U000E0041',
        U'\U000F0000', U'\U0010FFFF', U'\u0378', U'\u2126', U'\u212B', U'\u0340', U'\U0002F802'}) {
    all.push_back(code);
  }
  return all;
}

TEST(Name, RefusesFiveHundredTraversalsAndDisguises) {
  std::vector<std::string> names;
  for (const char32_t code : refused_characters()) {
    const std::string character = utf8(code);
    for (const std::string& name :
         {character, character + "a.csv", "a" + character + "b.csv", "a.csv" + character}) {
      names.push_back(name);
    }
  }
  for (const std::string dots : {"..", ".", "...", "....", "․․", "‥", "..․", "．．", "。。"}) {
    for (const std::string separator : {"/", "\\", "∕", "⁄", "／", "＼", "﹨", "/./", "//", "/\\", "\\/"}) {
      names.push_back(std::string(dots).append(separator).append("etc").append(separator).append("passwd"));
      names.push_back(std::string(separator).append(dots).append(separator).append("x"));
      names.push_back(std::string("a").append(separator).append(dots));
    }
  }
  for (const std::string& name : {std::string(),
                                  std::string("."),
                                  std::string(".."),
                                  std::string("․․"),
                                  std::string("‥"),
                                  std::string("．．"),
                                  std::string("．"),
                                  std::string("․"),
                                  std::string(" a"),
                                  std::string("a "),
                                  std::string("\u00A0a"),
                                  std::string("a\u3000"),
                                  std::string(" "),
                                  std::string(201, 'n'),
                                  std::string("e\u0301.csv"),
                                  std::string("\xC0\xAF"),
                                  std::string("\xC0\xAE\xC0\xAE"),
                                  std::string("\xE0\x80\xAF"),
                                  std::string("\xF0\x80\x80\xAF"),
                                  std::string("\xED\xA0\x80"),
                                  std::string("\xF4\x90\x80\x80"),
                                  std::string("a\x80"),
                                  std::string("\xFF"),
                                  std::string("a\xE2\x82"),
                                  std::string("a\0b", 3)}) {
    names.push_back(name);
  }
  EXPECT_GE(names.size(), 500U);
  for (const std::string& name : names) {
    const auto mistake = name_mistake(name);
    ASSERT_TRUE(mistake) << hex(name);
    EXPECT_TRUE(mistake->ends_with('.')) << *mistake;
  }
}

// Sessions are served by several threads. For the thread sanitizer, alone in its process: the first names
// make ICU's normalizers.
TEST(Name, TheFirstNamesMayComeAtOnce) {
  std::barrier together(4);
  std::vector<std::jthread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      together.arrive_and_wait();
      EXPECT_EQ(name_mistake("ward 7.csv"), std::nullopt);
    });
  }
}

}  // namespace
}  // namespace chancery::route
