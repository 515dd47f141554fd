#include "commands/state_image.h"

#include <spdlog/spdlog.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>

#include "eventlog/storage/value_bytes.h"

namespace vigil::commands {

using eventlog::ErrorKind;
using eventlog::Expected;
using eventlog::fail;
using eventlog::ImageReader;
using eventlog::ImageWriter;
using eventlog::Piece;
using eventlog::Placed;

namespace {

constexpr std::size_t kPieceBytes = 256 << 10;
// More than this is not put before a slow disk: the image waits.
constexpr std::uint64_t kWaitingMax = 32 << 20;
// A larger image is taken less often, but never after more than this many intervals.
constexpr std::uint64_t kIntervalsMax = 2;
constexpr std::uint64_t kImageBytesPerLogByte = 3;
// How many threads restore an image, and how many bytes are worth another one.
constexpr std::size_t kThreadsMax = 4;
constexpr std::uint64_t kThreadsWorthBytes = 4 << 20;

void put(Piece& piece, Placed at) { piece.put(at.position.value()).put(at.address.value()); }

Placed take_placed(eventlog::ValueReader& from) {
  const eventlog::Position position{from.take<std::uint64_t>()};
  return {position, eventlog::Address{from.take<std::uint64_t>()}};
}

std::uint64_t hash_of(const eventlog::Record& record) {
  const std::array<std::uint64_t, 4> head{record.position.value(), record.address.value(),
                                          static_cast<std::uint64_t>(record.ingest_time.value()), record.type};
  return XXH3_64bits_withSeed(record.payload.data(), record.payload.size(), XXH3_64bits(head.data(), sizeof(head)));
}

void put(Piece& piece, const ImageSummary& summary) {
  piece.put(kStateVersion).put_text(summary.log_id);
  put(piece, summary.begun);
  put(piece, summary.ended);
  piece.put(summary.ended_hash).put(summary.plan_hash).put(summary.stream_time.value());
  piece.put(summary.ids_forgotten_before.value());
  piece.put(static_cast<std::uint32_t>(summary.activations.size()));
  for (const Placed at : summary.activations) put(piece, at);
  piece.put_bytes(std::as_bytes(std::span(summary.parts)));
}

std::unexpected<eventlog::Error> no_use(const std::filesystem::path& path, const std::string& reason) {
  return fail(ErrorKind::invalid, path.string() + ": " + reason);
}

// Whether the image is one of this log as it stands.
Expected<void> belongs(const ImageSummary& image, const eventlog::LogSource& log, const std::filesystem::path& path) {
  if (image.log_id != log.id()) return no_use(path, "is of another log");
  if (image.ended.position > log.durable()) return no_use(path, "is ahead of the log");
  const auto ended = log.at(image.ended.position);
  if (!ended) return std::unexpected(ended.error());
  if (hash_of(*ended) != image.ended_hash) return no_use(path, "is of another history of this log");
  return {};
}

// Restores all pieces of some parts; one per thread.
class PartsReader {
 public:
  PartsReader(const ImageReader& image, const ImageSummary& summary, std::string_view parts, WriteState& state)
      : image_(image), summary_(summary), parts_(parts), state_(state) {}

  void run() {
    std::vector<std::byte> room;
    for (std::uint32_t i = 0; i < summary_.parts.size() && done_; ++i) {
      if (parts_.find(summary_.parts[i]) == std::string_view::npos) continue;
      const auto piece = image_.piece(i, room);
      if (!piece) {
        done_ = std::unexpected(piece.error());
      } else if (WriteState::part_of(*piece) != static_cast<std::uint8_t>(summary_.parts[i]) ||
                 !state_.restore(*piece)) {
        done_ = fail(ErrorKind::damaged, "piece " + std::to_string(i) + " of the image is not what this Vigil writes");
      }
    }
  }
  const Expected<void>& done() const { return done_; }

 private:
  const ImageReader& image_;
  const ImageSummary& summary_;
  std::string_view parts_;
  WriteState& state_;
  Expected<void> done_;
};

// The parts of an image, as many pieces each has, for a few threads: the largest alone, the others together.
std::vector<std::string> shared_out(std::string_view pieces, std::size_t threads) {
  std::map<char, std::size_t> sizes;
  for (const char part : pieces) {
    if (part != ImageSummary::kNoPart) ++sizes[part];
  }
  std::vector<std::pair<std::size_t, char>> by_size;
  for (const auto& [part, size] : sizes) by_size.emplace_back(size, part);
  std::ranges::sort(by_size, std::greater<>());
  std::vector<std::string> shares;
  for (const auto& [size, part] : by_size) {
    if (shares.size() < threads) shares.emplace_back();
    shares.back() += part;
  }
  return shares;
}

Expected<void> restore_pieces(eventlog::Environment& environment, const ImageReader& image, const ImageSummary& summary,
                              WriteState& state) {
  const std::size_t threads = std::min<std::size_t>(kThreadsMax, 1 + image.bytes() / kThreadsWorthBytes);
  const std::vector<std::string> shares = shared_out(summary.parts, threads);
  std::vector<PartsReader> readers;
  readers.reserve(shares.size());
  for (const std::string& parts : shares) readers.emplace_back(image, summary, parts, state);
  {
    std::vector<std::unique_ptr<eventlog::Thread>> others;
    for (PartsReader& reader : std::span(readers).subspan(std::min<std::size_t>(1, readers.size()))) {
      others.push_back(environment.start_thread([&reader] { reader.run(); }));
    }
    if (!readers.empty()) readers.front().run();
  }
  for (const PartsReader& reader : readers) {
    if (!reader.done()) return reader.done();
  }
  return {};
}

}  // namespace

Expected<ImageSummary> read_summary(const ImageReader& image) {
  if (image.pieces() == 0) return fail(ErrorKind::damaged, "the image has no pieces");
  std::vector<std::byte> room;
  const auto last = image.piece(image.pieces() - 1, room);
  if (!last) return std::unexpected(last.error());
  eventlog::ValueReader from(*last);
  const auto version = from.take<std::uint32_t>();
  if (version != kStateVersion) {
    return fail(ErrorKind::unsupported_version, "the image is of state version " + std::to_string(version) +
                                                    ", this Vigil makes " + std::to_string(kStateVersion));
  }
  ImageSummary summary;
  summary.log_id = from.take_text();
  summary.begun = take_placed(from);
  summary.ended = take_placed(from);
  summary.ended_hash = from.take<std::uint64_t>();
  summary.plan_hash = from.take<std::uint64_t>();
  summary.stream_time = eventlog::EventTime{from.take<std::int64_t>()};
  summary.ids_forgotten_before = eventlog::EventTime{from.take<std::int64_t>()};
  const auto activations = from.take<std::uint32_t>();
  for (std::uint32_t i = 0; i < activations && !from.is_short(); ++i) summary.activations.push_back(take_placed(from));
  summary.parts = from.take_bytes(image.pieces() - 1);
  if (!from.ok()) return fail(ErrorKind::damaged, "the image's last piece is no summary");
  return summary;
}

std::optional<ImageSummary> peek_summary(eventlog::Environment& environment, const std::filesystem::path& path) {
  const auto image = ImageReader::open(environment, path);
  if (!image) return std::nullopt;
  auto summary = read_summary(**image);
  if (!summary) return std::nullopt;
  return std::move(*summary);
}

Expected<RestoredState> restore_state(eventlog::Environment& environment, const std::filesystem::path& path,
                                      const eventlog::LogSource& log, std::uint64_t undurable_bytes_max,
                                      const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  const auto image = ImageReader::open(environment, path);
  if (!image) return std::unexpected(image.error());
  const auto summary = read_summary(**image);
  if (!summary) return std::unexpected(summary.error());
  if (auto same = belongs(*summary, log, path); !same) return std::unexpected(same.error());
  auto begun = WriteState::before_pieces(log, undurable_bytes_max, summary->activations, summary->begun);
  if (!begun) return std::unexpected(begun.error());
  WriteState& state = **begun;
  if (state.rule_set() == nullptr || state.decision().plan_hash() != summary->plan_hash) {
    return no_use(path, "was made for features compiled otherwise");
  }
  state.decision().restore_stream_time(summary->stream_time);
  state.restore_forgotten_before(summary->ids_forgotten_before);
  if (auto done = restore_pieces(environment, **image, *summary, state); !done) return std::unexpected(done.error());
  const eventlog::Position next{summary->begun.position.value() + 1};
  if (auto done = state.apply_from(log, next, progress); !done) return std::unexpected(done.error());
  if (!state.keeps_enough()) return no_use(path, "is older than the features or the horizon in force");
  return RestoredState{std::move(*begun), summary->begun, (*image)->bytes()};
}

StateImages::StateImages(eventlog::Environment& environment, const eventlog::Log& log, std::filesystem::path path,
                         std::uint64_t interval_bytes)
    : environment_(environment), log_(log), path_(std::move(path)), interval_bytes_(interval_bytes) {}

std::uint64_t StateImages::interval() const {
  return std::clamp(image_bytes_ / kImageBytesPerLogByte, interval_bytes_, kIntervalsMax * interval_bytes_);
}

bool StateImages::due(const WriteState& state) const {
  return interval_bytes_ != 0 && state.newest().address.value() - begun_.address.value() >= interval();
}

void StateImages::look_at_state(std::uint64_t state_number) {
  if (state_number == state_number_) return;
  // Neither the image being taken nor the one on the disk is of this state.
  state_number_ = state_number;
  writer_.reset();
  begun_ = {};
}

void StateImages::begin(const WriteState& state) {
  if (image_bytes_ == 0) {
    const rules::DecisionStateMemory memory = state.decision().memory();
    image_bytes_ = memory.window_bytes + memory.entity_bytes + state.transactions().bytes();
  }
  begun_ = state.newest();
  saved_ = {};
  summary_ = {};
  summary_.log_id = log_.id();
  summary_.begun = begun_;
  summary_.plan_hash = state.decision().plan_hash();
  summary_.activations = state.activations();
  all_saved_ = published_ = false;
  writer_ = std::make_unique<ImageWriter>(environment_, path_);
}

// Lists are saved as of one moment, and one has changed meanwhile: this time they are saved at once.
void StateImages::begin_again_with_lists(const WriteState& state) {
  summary_.begun = begun_ = state.newest();
  summary_.activations = state.activations();
  std::ranges::fill(summary_.parts, ImageSummary::kNoPart);
  saved_ = {};
  while (WriteState::saves_lists(saved_)) save_piece(state);
}

void StateImages::advance(const WriteState& state, std::uint64_t state_number) {
  look_at_state(state_number);
  if (!writer_) {
    if (due(state)) begin(state);
    return;
  }
  look_at_end();
  if (!writer_ || published_) return;
  if (WriteState::saves_lists(saved_) && state.newest_list_update().address > begun_.address) {
    begin_again_with_lists(state);
  }
  if (!all_saved_) {
    const std::uint64_t grown = state.newest().address.value() - begun_.address.value(), half = interval() / 2;
    save_up_to(state, grown >= half ? UINT64_MAX : image_bytes_ * grown / half);
  }
  if (all_saved_) publish_when_durable();
}

void StateImages::save_up_to(const WriteState& state, std::uint64_t bytes) {
  while (!all_saved_ && writer_->bytes_added() < bytes && writer_->bytes_waiting() < kWaitingMax) save_piece(state);
}

void StateImages::save_piece(const WriteState& state) {
  Piece piece = writer_->empty_piece();
  if (state.save(saved_, kPieceBytes, piece)) {
    summary_.parts.push_back(piece.view().front());
    writer_->add(std::move(piece));
    return;
  }
  all_saved_ = true;
  summary_.ended = state.newest();
  summary_.stream_time = state.decision().stream_time();
  summary_.ids_forgotten_before = state.transactions().forgotten_before();
}

void StateImages::publish_when_durable() {
  if (log_.durable() < summary_.ended.position) return;
  const auto ended = log_.at(summary_.ended.address);
  if (!ended) return give_up(ended.error().text);
  summary_.ended_hash = hash_of(*ended);
  Piece piece = writer_->empty_piece();
  put(piece, summary_);
  writer_->add(std::move(piece));
  writer_->publish();
  published_ = true;
}

void StateImages::look_at_end() {
  switch (writer_->stage()) {
    case ImageWriter::Stage::writing: return;
    case ImageWriter::Stage::failed: return give_up(writer_->failure());
    case ImageWriter::Stage::published: image_bytes_ = writer_->bytes_added(); writer_.reset();
  }
}

void StateImages::give_up(const std::string& reason) {
  spdlog::warn("no image of the decision state was written: {}; until one is, a start folds more of the log", reason);
  writer_.reset();
}

void StateImages::take_if_due(const WriteState& state, std::uint64_t state_number) {
  look_at_state(state_number);
  if (!due(state)) return;
  begin(state);
  while (!all_saved_ && writer_->stage() == ImageWriter::Stage::writing) {
    save_up_to(state, UINT64_MAX);
    writer_->wait_for_room(kWaitingMax / 2);
  }
  if (all_saved_) publish_when_durable();
  if (!writer_) return;
  if (published_) writer_->wait();
  look_at_end();
}

}  // namespace vigil::commands
