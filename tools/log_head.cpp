#include "tools/log_head.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "eventlog/storage/posix_environment.h"
#include "tools/data_directory.h"
#include "tools/head_file.h"
#include "tools/key_file.h"
#include "tools/subcommand.h"

namespace vigil::tools {
namespace {

using eventlog::Expected;

struct HeadArguments {
  std::string data, key;
  bool json = false;
};

Expected<HeadFile> take_head(const HeadArguments& arguments) {
  eventlog::PosixEnvironment environment;
  // Read before the log is, so that a bad key is told at once.
  std::unique_ptr<eventlog::SigningKey> key;
  if (!arguments.key.empty()) {
    auto read = read_signing_key(arguments.key);
    if (!read) return std::unexpected(read.error());
    key = std::move(*read);
  }
  const auto log = open_log(environment, arguments.data);
  if (!log) return std::unexpected(log.error());
  auto head = eventlog::head_at(environment, log_directory(arguments.data), (*log)->durable());
  if (!head) return std::unexpected(head.error());
  HeadFile file{*head, std::nullopt};
  if (key) file.by = HeadFile::Signed{key->public_key(), key->sign(*head)};
  return file;
}

int print_head(const HeadArguments& arguments) {
  const auto head = take_head(arguments);
  if (!head) return print_error(head.error());
  std::cout << head_text(*head) << std::endl;
  return std::cout ? kDone : print_error({eventlog::ErrorKind::io, "the head could not be written"});
}

int make_key(const std::string& file) {
  eventlog::PosixEnvironment environment;
  const auto key = make_key_file(environment, file);
  if (!key) return print_error(key.error());
  std::cout << public_key_line(*key) << '\n';
  std::cerr << "the signing key is in " << file
            << ": keep it away from the machine whose log it vouches for, or at least from its backups; "
               "give the public key above to whoever checks heads\n";
  return kDone;
}

}  // namespace

void add_log_head(CLI::App& log, int& exit_code) {
  const std::string data(kExampleData);
  auto arguments = std::make_shared<HeadArguments>();
  CLI::App* head = log.add_subcommand(
      "head",
      "Where the log ends, as one line of JSON to be kept elsewhere: only who holds a head can notice that a "
      "log was cut off or written anew (`vigil verify --log --head FILE`).");
  head->add_option("--data", arguments->data, "data directory, also of a running server")->required();
  head->add_option("--key", arguments->key, "file of the key to sign it with; without one it is not signed");
  head->add_flag("--json", arguments->json, "JSON, which it prints in any case");
  example_on_data(*head, "build/vigil log key --out " + data + ".key\n" + "build/vigil log head --data " + data +
                             " --key " + data + ".key > " + data + ".head\n" + "build/vigil verify --data " + data +
                             " --log --head " + data + ".head --key " + data + ".key");
  head->callback([arguments, &exit_code] { exit_code = print_head(*arguments); });

  auto file = std::make_shared<std::string>();
  CLI::App* key = log.add_subcommand("key", "Make a key that signs heads; prints its public key.");
  key->add_option("--out", *file, "file to be made, for its owner's eyes only")->required();
  example(*key, "build/vigil log key --out " + data + ".key > " + data + ".pub");
  key->callback([file, &exit_code] { exit_code = make_key(*file); });
}

}  // namespace vigil::tools
