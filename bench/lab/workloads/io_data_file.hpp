// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace rp::lab {

// Reads the whole file once, so that the cell that follows finds it in the page cache. False with
// a sentence in `error` when it cannot be read or is not `bytes` long.
bool load_into_page_cache(const std::string& path, std::uint64_t bytes, std::string& error);

} // namespace rp::lab
