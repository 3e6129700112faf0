// SPDX-License-Identifier: Apache-2.0
// win32/win32_shapes.c, once natively against ringpool and once under Wine, each measurement a
// process of its own. Wine gets a prefix of its own below the result directory.
#include "bench/lab/workloads/io_data_file.hpp"
#include "bench/lab/workloads/io_read.hpp"
#include "bench/peers/child.hpp"
#include "bench/peers/contest.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace rp::peers {

namespace {

namespace fs = std::filesystem;

constexpr unsigned process_limit_ms = 120'000;

// Beside the tool in the build directory; an installed tool has none.
std::string program_beside(const char* name) {
    std::error_code error;
    const fs::path tool = fs::read_symlink("/proc/self/exe", error);
    return (tool.parent_path().parent_path() / "peers" / name).string();
}

bool is_on_path(const std::string& program) {
    const char* const path = std::getenv("PATH");
    std::string left = path == nullptr ? "" : path;
    while (!left.empty()) {
        const auto end = left.find(':');
        if (::access((left.substr(0, end) + "/" + program).c_str(), X_OK) == 0) {
            return true;
        }
        left = end == std::string::npos ? "" : left.substr(end + 1);
    }
    return false;
}

// A Wine prefix and a data file, made with the first row that needs them and removed with the last.
class wine_place {
public:
    explicit wine_place(const std::string& directory)
        : prefix_(whole(directory) / "bench-wine"), data_(whole(directory) / "bench-win32.dat") {}

    ~wine_place() {
        std::error_code ignored;
        if (has_prefix_) {
            ask_process({"wineserver", "-k"}, environment(), process_limit_ms);
            fs::remove_all(prefix_, ignored);
        }
        fs::remove(data_, ignored);
    }

    wine_place(const wine_place&) = delete;
    wine_place& operator=(const wine_place&) = delete;

    std::string make(bool with_wine) {
        std::string error;
        if (!lab::prepare_data_file(data_.string(), data_bytes, error) ||
            !lab::load_into_page_cache(data_.string(), data_bytes, error)) {
            return error;
        }
        if (with_wine && !has_prefix_) {
            has_prefix_ = true;
            // Prints nothing; what it leaves is what counts.
            ask_process({"wineboot", "--init"}, environment(), process_limit_ms);
            if (!fs::exists(prefix_ / "drive_c" / "windows" / "system32")) {
                return "wineboot --init made no prefix; `wine --version` says what is wrong";
            }
        }
        return {};
    }

    [[nodiscard]] std::vector<std::pair<std::string, std::string>> environment() const {
        return {{"WINEPREFIX", prefix_.string()},
                {"WINEDEBUG", "-all"},
                {"WINEDLLOVERRIDES", "winedbg.exe,mscoree,mshtml=d"}};
    }

    [[nodiscard]] std::string data() const { return data_.string(); }

private:
    // Wine wants paths that do not depend on where a process stands.
    static fs::path whole(const std::string& directory) {
        std::error_code unknown;
        return fs::absolute(directory.empty() ? "." : directory, unknown);
    }

    static constexpr std::uint64_t data_bytes = 64U << 20;

    fs::path prefix_;
    fs::path data_;
    bool has_prefix_ = false;
};

std::string why_no_wine(const std::string& program) {
    if (!is_on_path("wine")) {
        return "not installed: apt-get install wine wine64";
    }
    return ::access(program.c_str(), R_OK) == 0
               ? std::string()
               : "no Windows program: install gcc-mingw-w64-x86-64, run `meson setup "
                 "--reconfigure` and build again";
}

} // namespace

void add_win32(std::vector<contest>& to, const bench_settings& settings) {
    struct wanted {
        const char* shape;
        unsigned n;
        unsigned quick_n;
    };

    constexpr wanted shapes[] = {{"submit_one", 100'000, 50'000},
                                 {"submit_1000", 100'000, 50'000},
                                 {"try_submit", 100'000, 50'000},
                                 {"chain", 100'000, 50'000},
                                 {"read_cached_qd1", 20'000, 4'000}};
    const std::string native = program_beside("win32_shapes");
    const std::string windows = program_beside("win32_shapes.exe");
    const auto place = std::make_shared<wine_place>(settings.directory);
    const std::string no_wine = why_no_wine(windows);
    for (const wanted& one : shapes) {
        contest row;
        row.family = "win32";
        row.shape = std::string("win32_") + one.shape;
        row.seconds = settings.quick ? 0.5 : 1.5;
        const std::string n = std::to_string(settings.quick ? one.quick_n : one.n);
        const bool reads = std::string_view(one.shape).starts_with("read");
        const auto arguments = [=](std::vector<std::string> program, const std::string& drive) {
            program.insert(program.end(), {one.shape, n});
            if (reads) {
                program.push_back(drive + place->data());
            }
            return program;
        };
        row.prepare = [=, uses_wine = settings.peers && no_wine.empty()] {
            return ::access(native.c_str(), X_OK) != 0
                       ? "needs win32_shapes, which stands in the build directory; an installed "
                         "tool has none"
                       : place->make(uses_wine);
        };
        row.contestants = {
            {"ringpool",
             role::ours,
             [=](std::uint64_t) {
                 return ask_process(arguments({native}, ""), {}, process_limit_ms);
             },
             {}},
            {"wine",
             role::peer,
             [=](std::uint64_t) {
                 return ask_process(
                     arguments({"wine", windows}, "Z:"), place->environment(), process_limit_ms);
             },
             no_wine},
        };
        to.push_back(std::move(row));
    }
}

} // namespace rp::peers
