// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// What arrives when, and how much work it brings: computed before the measurement from the seed
// alone, so that every policy of a block meets the same arrivals with the same work (common random
// numbers).
//
// Arrivals are a Poisson process conditioned on its number of arrivals: n exponential gaps, scaled
// so that they fill the window exactly. Locally this is Poisson; over the window the offered load
// is what the manifest says and not what the draw happened to be. Work is conditioned in the same
// way: the exponential demands are scaled to their exact mean, and a bimodal service has exactly
// round(n * p) long jobs at random places. Without this, 20 000 bimodal jobs would miss their mean
// by several per cent, and a load of 0.9 would be 0.86 or 0.94.

namespace rp::lab {

enum class service_kind : std::uint8_t { fixed, exponential, bimodal };

struct service_spec {
    service_kind kind = service_kind::fixed;
    double mean_ns = 0; // fixed and exponential
    double p_short = 0; // bimodal: this share of the jobs takes short_ns, the others long_ns
    double short_ns = 0;
    double long_ns = 0;
    std::string label; // as in cell names: "fixed-10us", "bimodal-0.995-5us-1ms"

    [[nodiscard]] double mean() const noexcept {
        return kind == service_kind::bimodal ? p_short * short_ns + (1 - p_short) * long_ns
                                             : mean_ns;
    }
};

struct schedule {
    std::vector<std::uint64_t> arrival_ns; // from the start of the warm-up, ascending
    std::vector<double> service_ns;
    std::size_t measured_from = 0; // the jobs before this index are warm-up
    std::uint64_t warmup_ns = 0;
    std::uint64_t window_ns = 0; // length of the measured part
};

std::vector<double>
draw_services(const service_spec& service, std::size_t count, std::uint64_t seed);

schedule make_schedule(const service_spec& service,
                       double rate_per_second,
                       double warmup_seconds,
                       double window_seconds,
                       std::uint64_t seed);

// When each job would end on `workers` servers that share one queue in arrival order and cost
// nothing but the work: the limit against which the policies of a block are printed. `stretch`
// multiplies the work (calibrated cost of one job over its nominal work).
std::vector<std::uint64_t> ideal_latencies(const schedule& plan, unsigned workers, double stretch);

} // namespace rp::lab
