// Every input of the repository, through its target: the seeds, and whatever a fuzzer once found.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <string>
#include <vector>

#include "tests/fuzz/target.h"

namespace vigil::fuzz {

// Names a test: without it GoogleTest would print the target's bytes, addresses among them.
void PrintTo(const Target& target, std::ostream* out) { *out << target.name; }

namespace {

std::vector<Target>& targets() {
  static std::vector<Target> all;
  return all;
}

std::vector<std::filesystem::path> inputs(const char* kind, const char* target) {
  const auto folder = std::filesystem::path(VIGIL_SOURCE_DIR) / "tests/fuzz" / kind / target;
  std::vector<std::filesystem::path> files;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

// The whole input, and what is left when it is cut short.
void replay(const Target& target, const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  ASSERT_TRUE(in) << path;
  const std::string all{std::istreambuf_iterator<char>(in), {}};
  std::fprintf(stderr, "replaying %s\n", path.c_str());  // an input that breaks a property ends the process
  constexpr std::size_t kCuts = 8;
  for (std::size_t cut = 0; cut <= kCuts; ++cut) {
    Exact bytes(std::as_bytes(std::span(all)).first(all.size() - all.size() * cut / kCuts));
    target.run(bytes.bytes());
  }
}

class Fuzz : public ::testing::TestWithParam<Target> {};

TEST_P(Fuzz, SeedsKeepEveryProperty) {
  const auto files = inputs("corpus", GetParam().name);
  ASSERT_FALSE(files.empty()) << "tests/fuzz/corpus/" << GetParam().name << " has no seeds";
  for (const auto& file : files) replay(GetParam(), file);
}

TEST_P(Fuzz, WhatWasFoundStaysMended) {
  for (const auto& file : inputs("regressions", GetParam().name)) replay(GetParam(), file);
}

std::vector<Target> sorted_targets() {
  std::ranges::sort(targets(), {}, [](const Target& target) { return std::string_view(target.name); });
  return targets();
}

INSTANTIATE_TEST_SUITE_P(Targets, Fuzz, ::testing::ValuesIn(sorted_targets()),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace

int register_target(Target target) {
  targets().push_back(target);
  return 0;
}

}  // namespace vigil::fuzz
