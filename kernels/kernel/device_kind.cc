#include "kernel/device_kind.h"

#include <string>
#include <variant>

#include "mlx/backend/metal/metal.h"
#include "mlx/mlx.h"

namespace anymetal::kernels {

bool runs_on_processor() {
  // Then it is anymetal that runs kernels, and says nothing (ANYMETAL_GATES=off).
  if (!mlx::core::metal::is_available()) return true;
  const auto& info = mlx::core::device_info(mlx::core::Device::gpu);
  const auto found = info.find("device_name");
  const auto* name = found == info.end() ? nullptr : std::get_if<std::string>(&found->second);
  return name != nullptr && name->find("cpu") != std::string::npos;
}

}  // namespace anymetal::kernels
