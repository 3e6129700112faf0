// SPDX-License-Identifier: Apache-2.0
#pragma once
// `hillclimb`: moves the thread count up the slope of the throughput, which it finds by shaking the
// thread count and listening for the echo. See README.md.
//
// The number of threads swings around the control setting by a square wave of known period. The
// throughput is looked at in the frequency of that wave only: what answers there is an effect of
// the threads, everything else is noise, and the neighbouring frequencies tell how strong the noise
// is. Their quotient is the slope.
#include "scheduler/controller.hpp"

#include <array>
#include <complex>

namespace rp::sched::controllers {

class hillclimb final : public controller {
public:
    static constexpr controller_traits described{
        .name = "hillclimb", .compensates = compensation::none, .wants_samples = true};

    static constexpr unsigned wave_period = 4; ///< samples
    static constexpr unsigned history = 8 * wave_period;
    static constexpr double throughput_bias = 0.15; ///< a move up must win this much
    static constexpr double signal_to_noise = 3.0;
    static constexpr double error_smoothing = 0.01;
    static constexpr double gain_per_second = 4.0;
    static constexpr double gain_exponent = 2.0;
    static constexpr double move_max = 20.0; ///< threads a sample
    static constexpr double wave_max = 20.0; ///< threads
    static constexpr double sample_error_max = 0.15;
    static constexpr double cpu_use_max = 0.95;
    static constexpr int64_t sample_min_ns = 10'000'000;
    static constexpr int64_t sample_max_ns = 200'000'000;

    [[nodiscard]] const controller_traits& traits() const noexcept override { return described; }

    decision sample(const pool_sample& now) noexcept override;

    /// For tests and the curious: the result of the last measurement.
    [[nodiscard]] double last_move() const noexcept { return move_; }

    [[nodiscard]] double setting() const noexcept { return setting_; }

private:
    struct measured {
        std::complex<double> slope{0, 0};
        double confidence = 0;
        bool is_known = false;
    };

    [[nodiscard]] measured measure() noexcept;
    [[nodiscard]] double mean(const std::array<double, history>& of, unsigned count) const noexcept;
    /// The component of the newest `count` entries whose period is `period` samples.
    [[nodiscard]] std::complex<double>
    wave_in(const std::array<double, history>& of, unsigned count, double period) const noexcept;
    void restart_at(double setting, uint32_t random) noexcept;
    [[nodiscard]] decision
    answer(uint32_t threads, const pool_sample& now, reason why, int64_t next_ns) noexcept;

    std::array<double, history> throughput_{};
    std::array<double, history> threads_{};
    uint64_t taken_ = 0; ///< entries ever written
    double setting_ = 0; ///< 0: has not started
    double noise_ = 0;   ///< long average
    double move_ = 0;
    uint32_t given_ = 0; ///< threads of the last answer
    int64_t interval_ns_ = sample_min_ns;
    // Of samples with too few completions to tell anything: carried over to the next.
    double pending_seconds_ = 0;
    uint64_t pending_completions_ = 0;
};

} // namespace rp::sched::controllers
