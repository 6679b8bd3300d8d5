// What buffers and textures have in common.
#pragma once

#include <Metal/MTLTypes.hpp>

namespace MTL {

// Names and numbers are those of Apple's published interface.
enum CPUCacheMode : UInteger { CPUCacheModeDefaultCache = 0, CPUCacheModeWriteCombined = 1 };
enum StorageMode : UInteger {
  StorageModeShared = 0,
  StorageModeManaged = 1,
  StorageModePrivate = 2,
  StorageModeMemoryless = 3,
};
enum HazardTrackingMode : UInteger {
  HazardTrackingModeDefault = 0,
  HazardTrackingModeUntracked = 1,
  HazardTrackingModeTracked = 2,
};
using ResourceOptions = UInteger;
enum : ResourceOptions {
  ResourceCPUCacheModeDefaultCache = 0,
  ResourceCPUCacheModeWriteCombined = 1,
  ResourceStorageModeShared = 0,
  ResourceStorageModeManaged = 16,
  ResourceStorageModePrivate = 32,
  ResourceHazardTrackingModeDefault = 0,
  ResourceHazardTrackingModeUntracked = 256,
  ResourceHazardTrackingModeTracked = 512,
};
using ResourceUsage = UInteger;
enum : ResourceUsage { ResourceUsageRead = 1, ResourceUsageWrite = 2 };

class Allocation : public NS::Referencing<Allocation> {
 public:
  UInteger allocatedSize() const { return am_resource_allocated_size(this); }
};

class Resource : public NS::Referencing<Resource, Allocation> {
 public:
  MTL::StorageMode storageMode() const { return StorageModeShared; }
  NS::String* label() const { return NS::String::string(am_label(this), NS::UTF8StringEncoding); }
  void setLabel(const NS::String* label) { am_set_label(this, label->utf8String()); }
};

}  // namespace MTL
