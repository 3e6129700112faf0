// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace rp::policy {

/// Loads what RINGPOOL_POLICY_LIB names, paths with ':' between them; once in a process.
void load_from_environment() noexcept;

} // namespace rp::policy
