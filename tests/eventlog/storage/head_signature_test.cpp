#include "eventlog/storage/head_signature.h"

#include <gtest/gtest.h>

#include "eventlog/storage/checksum.h"

namespace vigil::eventlog {
namespace {

std::array<std::byte, kKeySeedBytes> seed(unsigned first) {
  std::array<std::byte, kKeySeedBytes> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(first + i);
  return bytes;
}

LogHead some_head() {
  LogHead head;
  for (std::size_t i = 0; i < head.log_id.size(); ++i) head.log_id[i] = static_cast<std::byte>(i);
  head.epoch = 3;
  head.position = Position{1'234};
  head.address = Address{8'192};
  head.hash.fill(std::byte{0xAB});
  head.ingest_time = IngestTime{1'700'000'000'000'001};
  head.created = IngestTime{1'700'000'000'000'002};
  return head;
}

TEST(HeadSignatureTest, SignedTextIsPinnedForEver) {
  EXPECT_EQ(signed_text(some_head()),
            "vigil log head 1\n"
            "log_id 000102030405060708090a0b0c0d0e0f\n"
            "epoch 3\n"
            "position 1234\n"
            "address 8192\n"
            "hash abababababababababababababababababababababababababababababababab\n"
            "ingest_time_us 1700000000000001\n"
            "created_us 1700000000000002\n");
}

TEST(HeadSignatureTest, PublicKeyIsThatOfRfc8032) {
  // RFC 8032, section 7.1, test 1.
  std::array<std::byte, kKeySeedBytes> bytes;
  ASSERT_TRUE(from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", bytes));
  EXPECT_EQ(hex(SigningKey(bytes).public_key()), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
}

TEST(HeadSignatureTest, OnlyItsKeyAndItsHeadFitASignature) {
  const SigningKey key(seed(1)), other(seed(2));
  const Signature signature = key.sign(some_head());
  EXPECT_TRUE(is_signed_by(some_head(), signature, key.public_key()));
  EXPECT_FALSE(is_signed_by(some_head(), signature, other.public_key()));
  Signature altered = signature;
  altered[10] ^= std::byte{1};
  EXPECT_FALSE(is_signed_by(some_head(), altered, key.public_key()));
}

TEST(HeadSignatureTest, EveryFieldIsSigned) {
  const SigningKey key(seed(1));
  const Signature signature = key.sign(some_head());
  std::vector<LogHead> altered(7, some_head());
  altered[0].log_id[3] ^= std::byte{1};
  altered[1].epoch += 1;
  altered[2].position = Position{1'235};
  altered[3].address = Address{4'096};
  altered[4].hash[31] ^= std::byte{1};
  altered[5].ingest_time = IngestTime{5};
  altered[6].created = IngestTime{5};
  for (const LogHead& head : altered)
    EXPECT_FALSE(is_signed_by(head, signature, key.public_key())) << signed_text(head);
}

TEST(HeadSignatureTest, HexTakesNothingButItsOwnDigits) {
  std::array<std::byte, 2> bytes{};
  EXPECT_TRUE(from_hex("0aff", bytes));
  EXPECT_EQ(hex(bytes), "0aff");
  for (const char* wrong : {"", "0af", "0aff0", "0aFf", "0xff", " aff", "0ag0"}) EXPECT_FALSE(from_hex(wrong, bytes));
}

}  // namespace
}  // namespace vigil::eventlog
