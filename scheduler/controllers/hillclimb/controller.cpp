// SPDX-License-Identifier: Apache-2.0
#include "scheduler/controllers/hillclimb/controller.hpp"

#include <cmath>
#include <numbers>

namespace rp::sched::controllers {

namespace {

int64_t drawn_interval_ns(uint32_t random) noexcept {
    constexpr auto steps =
        static_cast<uint32_t>((hillclimb::sample_max_ns - hillclimb::sample_min_ns) / 1'000'000);
    return hillclimb::sample_min_ns + int64_t{random % (steps + 1)} * 1'000'000;
}

} // namespace

decision hillclimb::sample(const pool_sample& now) noexcept {
    const uint32_t most = now.most_tokens();
    const uint32_t least = std::clamp(now.hard_minimum, 1U, most);
    if (setting_ == 0) {
        restart_at(std::clamp(now.cpus, least, most), now.random);
        return answer(static_cast<uint32_t>(setting_), now, reason::initial, interval_ns_);
    }
    if (now.dt_ns == 0) {
        setting_ = std::clamp(setting_, double(least), double(most));
        return answer(std::clamp(given_, least, most), now, reason::user_limits, interval_ns_);
    }
    if (now.tokens != given_) {
        // Somebody else moved it (a limit, or the engine's rate): what was measured is void.
        restart_at(now.tokens, now.random);
    }
    const double seconds = static_cast<double>(now.dt_ns) * 1e-9 + pending_seconds_;
    const uint64_t completions = now.completions + pending_completions_;
    // The callbacks that straddle the borders of a sample are its error.
    if (taken_ > 0 && (now.tokens - 1.0) / static_cast<double>(completions) >= sample_error_max) {
        pending_seconds_ = seconds;
        pending_completions_ = completions;
        return answer(std::clamp(now.tokens, least, most), now, reason::warm_up, sample_min_ns);
    }
    pending_seconds_ = 0;
    pending_completions_ = 0;
    throughput_[taken_ % history] = static_cast<double>(completions) / seconds;
    threads_[taken_ % history] = now.tokens;
    ++taken_;

    const measured m = measure();
    const double direction = std::clamp(m.slope.real(), -1.0, 1.0);
    const double push = direction * std::clamp(m.confidence, 0.0, 1.0);
    move_ =
        std::copysign(std::pow(std::abs(push), gain_exponent), push) * gain_per_second * seconds;
    move_ = std::min(move_, move_max);
    const bool is_saturated = move_ > 0 && now.cpu_use > cpu_use_max;
    if (is_saturated) {
        move_ = 0;
    }
    setting_ += move_;
    const double wanted_wave = std::floor(0.5 + setting_ * noise_ * signal_to_noise * 2.0);
    const double wave = std::clamp(wanted_wave, 1.0, wave_max);
    setting_ = std::max(std::min(setting_, most - wave), double(least));
    const bool is_high = (taken_ / (wave_period / 2)) % 2 != 0;
    const auto threads = static_cast<uint32_t>(setting_ + (is_high ? wave : 0.0));
    const uint32_t next = std::clamp(threads, least, most);

    if (next != given_) {
        interval_ns_ = drawn_interval_ns(now.random);
    }
    int64_t interval = interval_ns_;
    if (m.slope.real() < 0 && next == least) {
        // Fewer threads would be better and cannot be had: asking again soon only costs throughput.
        const double longer = 10.0 * std::min(-m.slope.real(), 1.0);
        interval = static_cast<int64_t>(0.5 + static_cast<double>(interval_ns_) * longer);
        interval = std::max(interval, sample_min_ns);
    }
    const reason why = is_saturated            ? reason::cpu_saturated
                       : !m.is_known           ? reason::warm_up
                       : std::abs(m.slope) > 0 ? reason::climbing
                                               : reason::stable;
    return answer(next, now, why, interval);
}

hillclimb::measured hillclimb::measure() noexcept {
    measured m;
    const auto usable =
        static_cast<unsigned>(std::min<uint64_t>(taken_ > 0 ? taken_ - 1 : 0, history));
    const unsigned count = usable / wave_period * wave_period;
    if (count <= wave_period) {
        return m;
    }
    const double throughput = mean(throughput_, count);
    const double threads = mean(threads_, count);
    if (throughput <= 0 || threads <= 0) {
        return m;
    }
    m.is_known = true;
    // The frequencies next to that of the wave: one period less and one more in the window.
    const unsigned waves = count / wave_period;
    const double longer = double(count) / (waves - 1);
    const double shorter = double(count) / (waves + 1);
    const std::complex<double> echo = wave_in(throughput_, count, wave_period) / throughput;
    double noise = std::abs(wave_in(throughput_, count, shorter) / throughput);
    if (longer <= count) {
        noise = std::max(noise, std::abs(wave_in(throughput_, count, longer) / throughput));
    }
    noise_ = noise_ == 0 ? noise : error_smoothing * noise + (1 - error_smoothing) * noise_;
    const std::complex<double> shake = wave_in(threads_, count, wave_period) / threads;
    if (std::abs(shake) == 0) {
        return m;
    }
    m.slope = (echo - throughput_bias * shake) / shake;
    const double worst = std::max(noise_, noise);
    m.confidence = worst > 0 ? std::abs(shake) / worst / signal_to_noise : 1.0;
    return m;
}

double hillclimb::mean(const std::array<double, history>& of, unsigned count) const noexcept {
    double sum = 0;
    for (unsigned i = 0; i < count; ++i) {
        sum += of[(taken_ - count + i) % history];
    }
    return sum / count;
}

/// Goertzel's recurrence: one multiplication for each sample, no table of sines.
std::complex<double> hillclimb::wave_in(const std::array<double, history>& of,
                                        unsigned count,
                                        double period) const noexcept {
    const double angle = 2 * std::numbers::pi / period;
    const double twice_cosine = 2 * std::cos(angle);
    double last = 0;
    double before = 0;
    for (unsigned i = 0; i < count; ++i) {
        const double current = of[(taken_ - count + i) % history] + twice_cosine * last - before;
        before = last;
        last = current;
    }
    return std::complex<double>(last - before * std::cos(angle), before * std::sin(angle)) /
           double(count);
}

void hillclimb::restart_at(double setting, uint32_t random) noexcept {
    setting_ = setting;
    given_ = static_cast<uint32_t>(setting);
    taken_ = 0;
    pending_seconds_ = 0;
    pending_completions_ = 0;
    interval_ns_ = drawn_interval_ns(random);
}

decision
hillclimb::answer(uint32_t threads, const pool_sample& now, reason why, int64_t next_ns) noexcept {
    given_ = threads;
    return {.tokens = threads,
            .soft_minimum = now.hard_minimum,
            .next_sample_in_ns = next_ns,
            .why = why};
}

} // namespace rp::sched::controllers
