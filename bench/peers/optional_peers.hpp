// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/peers/shapes.hpp"

#include <vector>

// Peers that no package of the distribution has: each is one file, compiled when its header was
// found below -Dpeer_includes.

namespace rp::peers {

// Those of this build.
const std::vector<engine_kind>& optional_engines();

} // namespace rp::peers
