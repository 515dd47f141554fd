# The stored form of every event. Fields may be added at the end with a default that keeps the old meaning;
# nothing is ever renumbered or removed. A change of meaning raises the event's version (upcast.h).
@0xd1c9f0a7b36e4581;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("vigil::eventlog::wire");

struct TransactionDecided @0x8e5f1d0c2b7a4961 {
  eventTimeUs @0 :Int64;
  amountMinor @1 :Int64;
  amountBaseMinor @2 :Int64;
  latitudeE7 @3 :Int32;
  longitudeE7 @4 :Int32;
  version @5 :UInt16;
  currency @6 :UInt16;       # base-27 packed letters, see Code
  country @7 :UInt16;
  cardCountry @8 :UInt16;
  status @9 :UInt8;
  outcome @10 :UInt8;
  hasPlace @11 :Bool;
  score @12 :Int32;
  featuresVersion @13 :UInt32;
  rulesVersion @14 :UInt32;
  id @15 :Text;
  customerId @16 :Text;
  merchantId @17 :Text;
  deviceId @18 :Text;
  category @19 :Text;
  channel @20 :Text;
  extra @21 :Text;
  features @22 :Data;        # docs/log-format.md "Values"
  matched @23 :Data;         # ascending indexes into the rule set, each a little-endian UInt16
}

struct QuarantineReason @0xa3c6e15d90f74b28 {
  code @0 :Text;
  field @1 :Text;
  text @2 :Text;
}

struct TransactionQuarantined @0xb82d4f6a1c3e5079 {
  raw @0 :Data;
  source @1 :Text;
  reasons @2 :List(QuarantineReason);
}

struct LabelReported @0xc7491be83f25d60a {
  transactionTimeUs @0 :Int64;
  reportedAtUs @1 :Int64;
  amountBaseMinor @2 :Int64;
  transactionVersion @3 :UInt16;
  kind @4 :UInt8;
  correctedKind @5 :UInt8;
  corrects @6 :Bool;
  transactionId @7 :Text;
  customerId @8 :Text;
  merchantId @9 :Text;
  deviceId @10 :Text;
  source @11 :Text;
}

struct AlertRaised @0xd60a83f2c5e7194b {
  decidedAt @0 :UInt64;
  eventTimeUs @1 :Int64;
  amountBaseMinor @2 :Int64;
  score @3 :Int32;
  severity @4 :UInt8;
  outcome @5 :UInt8;
  ruleId @6 :Text;
  transactionId @7 :Text;
  customerId @8 :Text;
  merchantId @9 :Text;
  deviceId @10 :Text;
}

struct CustomerUpdated @0xe1b7c04d6f92a835 {
  latitudeE7 @0 :Int32;
  longitudeE7 @1 :Int32;
  country @2 :UInt16;
  hasHome @3 :Bool;
  customerId @4 :Text;
  segment @5 :Text;
}

struct MerchantUpdated @0xf05e9a2738d1b64c {
  latitudeE7 @0 :Int32;
  longitudeE7 @1 :Int32;
  country @2 :UInt16;
  hasPlace @3 :Bool;
  merchantId @4 :Text;
  displayName @5 :Text;
  category @6 :Text;
}

struct ListUpdated @0x9c24e8f1057db3a6 {
  list @0 :Text;
  added @1 :List(Text);
  removed @2 :List(Text);
}

struct RateUpdated @0x86d3a5b0e97f124c {
  rateE9 @0 :Int64;
  currency @1 :UInt16;
  base @2 :UInt16;
}

struct PolicyUpdated @0xaf10d7c46b2e8593 {
  text @0 :Text;
}

struct FeaturesActivated @0xbe7203c95d814f6a {
  version @0 :UInt32;
  text @1 :Text;
  sha256 @2 :Data;
}

struct RulesActivated @0xcd815f2e4a967b30 {
  version @0 :UInt32;
  text @1 :Text;
  sha256 @2 :Data;
}
