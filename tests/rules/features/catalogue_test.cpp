#include "rules/features/catalogue.h"

#include <gtest/gtest.h>
#include <string>

namespace vigil::rules::catalogue_test {
namespace {

std::string error_of(const std::string& toml) {
  const auto catalogue = Catalogue::parse(toml, "features.toml");
  return catalogue ? "no error" : catalogue.error().text;
}

// A feature with the given lines under [[feature]].
std::string feature(const std::string& lines) { return "[[feature]]\n" + lines + "\n"; }

const std::string kCount = "name = \"f\"\nentity = \"customer\"\naggregate = \"count\"\n";

TEST(Catalogue, ReadsEveryKey) {
  const auto catalogue = Catalogue::parse(feature("name = \"small\"\nentity = \"merchant\"\naggregate = \"mean\"\n"
                                                  "field = \"amount_base\"\nwindow = \"10m\"\ndelay = \"7d\"\n"
                                                  "filter = \"amount_base < 500\"\nexclude_current = true\n"
                                                  "divide_by = 100\ndescription = \"Mean of small ones\""),
                                          "features.toml");
  ASSERT_TRUE(catalogue) << catalogue.error().text;
  ASSERT_EQ(catalogue->size(), 1u);
  const Feature& read = catalogue->features()[0];
  EXPECT_EQ(read.name, "small");
  EXPECT_EQ(read.entity, eventlog::EntityKind::merchant);
  EXPECT_EQ(read.aggregate, Aggregate::mean);
  EXPECT_EQ(read.window_us, 600'000'000);
  EXPECT_EQ(read.delay_us, 604'800'000'000);
  EXPECT_EQ(read.filter, "amount_base < 500");
  EXPECT_TRUE(read.exclude_current);
  EXPECT_EQ(read.divide_by, 100);
  EXPECT_EQ(read.type, ValueType::floating);
  EXPECT_EQ(read.description, "Mean of small ones");
  EXPECT_EQ(catalogue->reach_us(), 605'400'000'000);
  EXPECT_EQ(catalogue->index_of("small"), 0u);
  EXPECT_FALSE(catalogue->index_of("large"));
  EXPECT_EQ(catalogue->symbols().back().name, "small");
}

TEST(Catalogue, TheHashIsTheSha256OfTheText) {
  const auto empty = Catalogue::parse("", "features.toml");
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->sha256()[0], std::byte{0xe3});  // of no bytes: e3b0c442…
  EXPECT_EQ(empty->sha256()[3], std::byte{0x42});
  EXPECT_EQ(empty->size(), 0u);
  EXPECT_EQ(empty->reach_us(), 0);
}

TEST(Catalogue, TheDefaultFeaturesAreValid) {
  const auto catalogue = Catalogue::parse(default_features_toml(), "default_features.toml");
  ASSERT_TRUE(catalogue) << catalogue.error().text;
  EXPECT_EQ(catalogue->size(), 30u);
}

TEST(CatalogueErrors, BrokenTomlNamesItsPlace) {
  EXPECT_TRUE(error_of("[[feature]]\nname = \n").starts_with("features.toml:2:")) << error_of("[[feature]]\nname = \n");
}

TEST(CatalogueErrors, UnknownKeysAreNamedWithTheNearest) {
  EXPECT_EQ(error_of("[[features]]\n"), "features.toml:1:3: unknown key 'features'; did you mean 'feature'?");
  EXPECT_EQ(error_of(feature(kCount + "windw = \"1h\"")),
            "features.toml:5:1: unknown key 'windw'; did you mean 'window'?");
  EXPECT_EQ(error_of("feature = 3"), "features.toml:1:1: features are declared as [[feature]]");
}

TEST(CatalogueErrors, UnknownWordsAreNamedWithTheNearest) {
  EXPECT_EQ(error_of(feature("name = \"f\"\nentity = \"customer\"\naggregate = \"cont\"\nwindow = \"1h\"")),
            "features.toml:4:13: unknown aggregate 'cont'; did you mean 'count'?");
  EXPECT_EQ(error_of(feature("name = \"f\"\nentity = \"costumer\"\naggregate = \"count\"\nwindow = \"1h\"")),
            "features.toml:3:10: unknown entity 'costumer'; did you mean 'customer'?");
  EXPECT_EQ(error_of(feature("name = \"f\"\nentity = \"customer\"\naggregate = \"distinct\"\n"
                             "field = \"merchant\"\nwindow = \"1h\"")),
            "features.toml:5:9: the aggregate 'distinct' has no field 'merchant'; did you mean 'merchant_id'?");
  EXPECT_NE(error_of(feature("name = \"f\"\nentity = \"customer\"\naggregate = \"sum\"\nfield = \"merchant_id\"\n"
                             "window = \"1h\""))
                .find("it takes amount_base"),
            std::string::npos);
}

TEST(CatalogueErrors, WhatIsMissingIsNamed) {
  EXPECT_EQ(error_of(feature("aggregate = \"count\"")), "features.toml:1:1: a feature needs a 'name'");
  EXPECT_EQ(error_of(feature("name = \"f\"")), "features.toml:1:1: feature 'f' needs an 'aggregate'");
  EXPECT_EQ(error_of(feature(kCount)), "features.toml:1:1: feature 'f' needs a 'window', such as \"10m\" or \"30d\"");
  EXPECT_EQ(error_of(feature("name = \"f\"\naggregate = \"count\"\nwindow = \"1h\"")),
            "features.toml:1:1: feature 'f' needs an 'entity': customer, merchant, device");
  EXPECT_NE(error_of(feature("name = \"f\"\nentity = \"customer\"\naggregate = \"ratio\"\nwindow = \"1h\""))
                .find("needs a 'filter'"),
            std::string::npos);
  EXPECT_NE(error_of(feature("name = \"f\"\nentity = \"customer\"\naggregate = \"last\""))
                .find("needs a 'field': merchant_id"),
            std::string::npos);
  EXPECT_NE(error_of(feature("name = \"f\"\naggregate = \"expression\"")).find("needs an 'expression'"),
            std::string::npos);
}

TEST(CatalogueErrors, WhatDoesNotBelongIsRefused) {
  const std::string last = "name = \"f\"\nentity = \"customer\"\naggregate = \"last\"\nfield = \"country\"\n";
  EXPECT_EQ(error_of(feature(last + "window = \"1h\"")),
            "features.toml:6:10: 'window' does not belong to the aggregate 'last'");
  EXPECT_NE(error_of(feature(last + "filter = \"true\"")).find("'filter' does not belong"), std::string::npos);
  EXPECT_NE(error_of(feature(kCount + "window = \"1h\"\nfield = \"country\"")).find("'field' does not belong"),
            std::string::npos);
  EXPECT_NE(error_of(feature(kCount + "window = \"1h\"\ndivide_by = 2")).find("'divide_by' does not belong"),
            std::string::npos);
  EXPECT_NE(error_of(feature("name = \"f\"\nentity = \"merchant\"\naggregate = \"distance_km_from_home\""))
                .find("only a customer has a home"),
            std::string::npos);
}

TEST(CatalogueErrors, BadLengthsOfTime) {
  for (const std::string bad : {"10", "ten minutes", "10x", "-5m", "0s", ""}) {
    EXPECT_NE(error_of(feature(kCount + "window = \"" + bad + "\"")).find("is no length of time"), std::string::npos)
        << bad;
  }
  EXPECT_NE(error_of(feature(kCount + "window = 600")).find("must be a text in quotes"), std::string::npos);
  EXPECT_NE(error_of(feature(kCount + "window = \"731d\"")).find("730d at most"), std::string::npos);
  EXPECT_NE(error_of(feature(kCount + "window = \"700d\"\ndelay = \"31d\"")).find("730d at most"), std::string::npos);
  EXPECT_EQ(error_of(feature(kCount + "window = \"700d\"\ndelay = \"30d\"")), "no error");
}

TEST(CatalogueErrors, Names) {
  const auto named = [](const std::string& name) {
    return error_of(feature("name = \"" + name + "\"\nentity = \"customer\"\naggregate = \"lifetime_count\""));
  };
  EXPECT_EQ(named("amount_base"), "features.toml:2:8: 'amount_base' is a transaction field; choose another name");
  EXPECT_NE(named("not").find("word of the expression language"), std::string::npos);
  for (const std::string bad : {"", "1st", "has space", "dash-ed", "ümlaut"}) {
    EXPECT_NE(named(bad).find("must be letters, digits"), std::string::npos) << bad;
  }
  EXPECT_EQ(named(std::string(kFeatureNameBytesMax, 'n')), "no error");
  EXPECT_NE(named(std::string(kFeatureNameBytesMax + 1, 'n')), "no error");
  const std::string twice = feature(kCount + "window = \"1h\"");
  EXPECT_EQ(error_of(twice + twice), "features.toml:6:1: a feature 'f' was already declared in line 1");
}

TEST(CatalogueErrors, WrongTypesOfValues) {
  EXPECT_NE(error_of(feature("name = 3")).find("'name' must be a text in quotes"), std::string::npos);
  EXPECT_NE(error_of(feature(kCount + "window = \"1h\"\nexclude_current = \"yes\"")).find("must be true or false"),
            std::string::npos);
  const std::string sum = "name = \"f\"\nentity = \"customer\"\naggregate = \"sum\"\nwindow = \"1h\"\n";
  EXPECT_NE(error_of(feature(sum + "divide_by = 0")).find("whole number from 1"), std::string::npos);
  EXPECT_NE(error_of(feature(sum + "divide_by = 1.5")).find("whole number from 1"), std::string::npos);
}

TEST(CatalogueErrors, FiltersAreCheckedAndPointIntoTheFile) {
  EXPECT_TRUE(
      error_of(feature(kCount + "window = \"1h\"\nfilter = \"amout_base < 500\"")).starts_with("features.toml:6:11: "));
  EXPECT_NE(
      error_of(feature(kCount + "window = \"1h\"\nfilter = \"amout_base < 500\"")).find("did you mean 'amount_base'?"),
      std::string::npos);
  EXPECT_TRUE(
      error_of(feature(kCount + "window = \"1h\"\nfilter = '''\namout_base < 5'''")).starts_with("features.toml:7:1: "))
      << error_of(feature(kCount + "window = \"1h\"\nfilter = '''\namout_base < 5'''"));
  EXPECT_TRUE(
      error_of(feature(kCount + "window = \"1h\"\nfilter = \"amount_base + 1\"")).starts_with("features.toml:6:"));
}

TEST(CatalogueErrors, ExpressionsAreChecked) {
  const auto expression = [](const std::string& text) {
    return error_of(feature("name = \"f\"\naggregate = \"expression\"\nexpression = \"" + text + "\""));
  };
  EXPECT_EQ(expression("hour <= 6"), "no error");
  EXPECT_TRUE(expression("huor <= 6").starts_with("features.toml:4:15: ")) << expression("huor <= 6");
  EXPECT_NE(expression("null").find("always null"), std::string::npos);
}

TEST(CatalogueErrors, TooMuchOfAnything) {
  std::string many;
  for (std::size_t i = 0; i < kFeaturesMax; ++i) {
    many += feature("name = \"f" + std::to_string(i) + "\"\nentity = \"customer\"\naggregate = \"lifetime_count\"");
  }
  EXPECT_EQ(error_of(many), "no error");
  EXPECT_NE(error_of(many + feature("name = \"g\"\nentity = \"customer\"\naggregate = \"lifetime_count\""))
                .find("at most 256 features"),
            std::string::npos);
  EXPECT_NE(error_of(std::string(kCatalogueBytesMax + 1, '#')).find("more than 131072 bytes"), std::string::npos);
  std::string filters;
  for (int i = 0; i < 15; ++i) {
    filters += feature("name = \"f" + std::to_string(i) +
                       "\"\nentity = \"customer\"\naggregate = \"count\"\nwindow = \"1h\"\n" +
                       "filter = \"amount_base < " + std::to_string(i + 1) + "\"");
  }
  EXPECT_NE(error_of(filters).find("at most 14 different filters"), std::string::npos);
  EXPECT_NE(error_of(feature(kCount + "window = \"1h\"\ndescription = \"" + std::string(1025, 'x') + "\""))
                .find("at most 1024 bytes"),
            std::string::npos);
}

}  // namespace
}  // namespace vigil::rules::catalogue_test
