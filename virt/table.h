/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The functions of libvirt that are called, through a table: libvirt is a module
 * (docs/decisions/0011-libvirt-module.md). A function that is missing here is found by the linker: the program
 * itself is not linked to libvirt.
 */
#pragma once

#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#define KS_VIRT_FUNCTIONS(X) \
    X(virConnectClose) \
    X(virConnectFindStoragePoolSources) \
    X(virConnectGetCapabilities) \
    X(virConnectGetDomainCapabilities) \
    X(virConnectGetHostname) \
    X(virConnectGetLibVersion) \
    X(virConnectGetURI) \
    X(virConnectGetVersion) \
    X(virConnectListAllDomains) \
    X(virConnectListAllNetworks) \
    X(virConnectListAllSecrets) \
    X(virConnectListAllStoragePools) \
    X(virConnectNumOfDefinedDomains) \
    X(virConnectNumOfDomains) \
    X(virConnectOpen) \
    X(virConnectOpenReadOnly) \
    X(virDomainAddIOThread) \
    X(virDomainAttachDeviceFlags) \
    X(virDomainBlockResize) \
    X(virDomainCreateWithFlags) \
    X(virDomainDefineXMLFlags) \
    X(virDomainDelIOThread) \
    X(virDomainDestroyFlags) \
    X(virDomainDetachDeviceFlags) \
    X(virDomainFree) \
    X(virDomainGetAutostart) \
    X(virDomainGetID) \
    X(virDomainGetName) \
    X(virDomainGetState) \
    X(virDomainGetUUIDString) \
    X(virDomainGetXMLDesc) \
    X(virDomainInterfaceAddresses) \
    X(virDomainInterfaceFree) \
    X(virDomainIsActive) \
    X(virDomainIsPersistent) \
    X(virDomainLookupByName) \
    X(virDomainPMWakeup) \
    X(virDomainPinEmulator) \
    X(virDomainPinIOThread) \
    X(virDomainPinVcpuFlags) \
    X(virDomainQemuAgentCommand) \
    X(virDomainRename) \
    X(virDomainResume) \
    X(virDomainSetAutostart) \
    X(virDomainSetBlockIoTune) \
    X(virDomainSetLifecycleAction) \
    X(virDomainSetMemoryFlags) \
    X(virDomainSetMetadata) \
    X(virDomainSetNumaParameters) \
    X(virDomainSetVcpusFlags) \
    X(virDomainShutdownFlags) \
    X(virDomainSnapshotNum) \
    X(virDomainSuspend) \
    X(virDomainUndefineFlags) \
    X(virDomainUpdateDeviceFlags) \
    X(virEventAddTimeout) \
    X(virEventRegisterDefaultImpl) \
    X(virEventRemoveTimeout) \
    X(virEventRunDefaultImpl) \
    X(virEventUpdateTimeout) \
    X(virGetLastError) \
    X(virGetLastErrorMessage) \
    X(virInitialize) \
    X(virNetworkCreate) \
    X(virNetworkDHCPLeaseFree) \
    X(virNetworkDefineXML) \
    X(virNetworkDefineXMLFlags) \
    X(virNetworkDestroy) \
    X(virNetworkFree) \
    X(virNetworkGetAutostart) \
    X(virNetworkGetBridgeName) \
    X(virNetworkGetDHCPLeases) \
    X(virNetworkGetName) \
    X(virNetworkGetUUIDString) \
    X(virNetworkGetXMLDesc) \
    X(virNetworkIsActive) \
    X(virNetworkIsPersistent) \
    X(virNetworkListAllPorts) \
    X(virNetworkLookupByName) \
    X(virNetworkPortFree) \
    X(virNetworkPortGetXMLDesc) \
    X(virNetworkSetAutostart) \
    X(virNetworkUndefine) \
    X(virNetworkUpdate) \
    X(virSecretDefineXML) \
    X(virSecretFree) \
    X(virSecretGetUUIDString) \
    X(virSecretGetUsageID) \
    X(virSecretGetValue) \
    X(virSecretGetXMLDesc) \
    X(virSecretLookupByUUIDString) \
    X(virSecretSetValue) \
    X(virSecretUndefine) \
    X(virSetErrorFunc) \
    X(virStoragePoolBuild) \
    X(virStoragePoolCreate) \
    X(virStoragePoolDefineXML) \
    X(virStoragePoolDestroy) \
    X(virStoragePoolFree) \
    X(virStoragePoolGetAutostart) \
    X(virStoragePoolGetName) \
    X(virStoragePoolGetXMLDesc) \
    X(virStoragePoolIsActive) \
    X(virStoragePoolIsPersistent) \
    X(virStoragePoolListAllVolumes) \
    X(virStoragePoolLookupByName) \
    X(virStoragePoolRefresh) \
    X(virStoragePoolSetAutostart) \
    X(virStoragePoolUndefine) \
    X(virStorageVolCreateXML) \
    X(virStorageVolCreateXMLFrom) \
    X(virStorageVolDelete) \
    X(virStorageVolFree) \
    X(virStorageVolGetInfo) \
    X(virStorageVolGetName) \
    X(virStorageVolGetPath) \
    X(virStorageVolGetXMLDesc) \
    X(virStorageVolLookupByName) \
    X(virStorageVolLookupByPath) \
    X(virStorageVolResize) \
    X(virStorageVolUpload) \
    X(virStorageVolWipe) \
    X(virStreamAbort) \
    X(virStreamFinish) \
    X(virStreamFree) \
    X(virStreamNew) \
    X(virStreamSend) \
    X(virTypedParamsAddString) \
    X(virTypedParamsAddULLong) \
    X(virTypedParamsFree)

struct ks_virt_table {
    const char *build, *functions; /* KS_BUILD_ID, KS_VIRT_NAMES: that both sides mean the same table */
#define KS_VIRT_MEMBER(name) __typeof__(name) *name;
    KS_VIRT_FUNCTIONS(KS_VIRT_MEMBER)
#undef KS_VIRT_MEMBER
};
#define KS_VIRT_NAME(name) #name " "
#define KS_VIRT_NAMES KS_VIRT_FUNCTIONS(KS_VIRT_NAME)
#define KS_VIRT_MODULE_SYMBOL "ks_virt_module"
#define KS_VIRT_MODULE_FILE "libkvmstate-virt.so"

/* NULL until ks_connect() has loaded it. */
extern const struct ks_virt_table *ks_virt;

#ifndef KS_VIRT_ITSELF
#define virConnectClose ks_virt->virConnectClose
#define virConnectFindStoragePoolSources ks_virt->virConnectFindStoragePoolSources
#define virConnectGetCapabilities ks_virt->virConnectGetCapabilities
#define virConnectGetDomainCapabilities ks_virt->virConnectGetDomainCapabilities
#define virConnectGetHostname ks_virt->virConnectGetHostname
#define virConnectGetLibVersion ks_virt->virConnectGetLibVersion
#define virConnectGetURI ks_virt->virConnectGetURI
#define virConnectGetVersion ks_virt->virConnectGetVersion
#define virConnectListAllDomains ks_virt->virConnectListAllDomains
#define virConnectListAllNetworks ks_virt->virConnectListAllNetworks
#define virConnectListAllSecrets ks_virt->virConnectListAllSecrets
#define virConnectListAllStoragePools ks_virt->virConnectListAllStoragePools
#define virConnectNumOfDefinedDomains ks_virt->virConnectNumOfDefinedDomains
#define virConnectNumOfDomains ks_virt->virConnectNumOfDomains
#define virConnectOpen ks_virt->virConnectOpen
#define virConnectOpenReadOnly ks_virt->virConnectOpenReadOnly
#define virDomainAddIOThread ks_virt->virDomainAddIOThread
#define virDomainAttachDeviceFlags ks_virt->virDomainAttachDeviceFlags
#define virDomainBlockResize ks_virt->virDomainBlockResize
#define virDomainCreateWithFlags ks_virt->virDomainCreateWithFlags
#define virDomainDefineXMLFlags ks_virt->virDomainDefineXMLFlags
#define virDomainDelIOThread ks_virt->virDomainDelIOThread
#define virDomainDestroyFlags ks_virt->virDomainDestroyFlags
#define virDomainDetachDeviceFlags ks_virt->virDomainDetachDeviceFlags
#define virDomainFree ks_virt->virDomainFree
#define virDomainGetAutostart ks_virt->virDomainGetAutostart
#define virDomainGetID ks_virt->virDomainGetID
#define virDomainGetName ks_virt->virDomainGetName
#define virDomainGetState ks_virt->virDomainGetState
#define virDomainGetUUIDString ks_virt->virDomainGetUUIDString
#define virDomainGetXMLDesc ks_virt->virDomainGetXMLDesc
#define virDomainInterfaceAddresses ks_virt->virDomainInterfaceAddresses
#define virDomainInterfaceFree ks_virt->virDomainInterfaceFree
#define virDomainIsActive ks_virt->virDomainIsActive
#define virDomainIsPersistent ks_virt->virDomainIsPersistent
#define virDomainLookupByName ks_virt->virDomainLookupByName
#define virDomainPMWakeup ks_virt->virDomainPMWakeup
#define virDomainPinEmulator ks_virt->virDomainPinEmulator
#define virDomainPinIOThread ks_virt->virDomainPinIOThread
#define virDomainPinVcpuFlags ks_virt->virDomainPinVcpuFlags
#define virDomainQemuAgentCommand ks_virt->virDomainQemuAgentCommand
#define virDomainRename ks_virt->virDomainRename
#define virDomainResume ks_virt->virDomainResume
#define virDomainSetAutostart ks_virt->virDomainSetAutostart
#define virDomainSetBlockIoTune ks_virt->virDomainSetBlockIoTune
#define virDomainSetLifecycleAction ks_virt->virDomainSetLifecycleAction
#define virDomainSetMemoryFlags ks_virt->virDomainSetMemoryFlags
#define virDomainSetMetadata ks_virt->virDomainSetMetadata
#define virDomainSetNumaParameters ks_virt->virDomainSetNumaParameters
#define virDomainSetVcpusFlags ks_virt->virDomainSetVcpusFlags
#define virDomainShutdownFlags ks_virt->virDomainShutdownFlags
#define virDomainSnapshotNum ks_virt->virDomainSnapshotNum
#define virDomainSuspend ks_virt->virDomainSuspend
#define virDomainUndefineFlags ks_virt->virDomainUndefineFlags
#define virDomainUpdateDeviceFlags ks_virt->virDomainUpdateDeviceFlags
#define virEventAddTimeout ks_virt->virEventAddTimeout
#define virEventRegisterDefaultImpl ks_virt->virEventRegisterDefaultImpl
#define virEventRemoveTimeout ks_virt->virEventRemoveTimeout
#define virEventRunDefaultImpl ks_virt->virEventRunDefaultImpl
#define virEventUpdateTimeout ks_virt->virEventUpdateTimeout
#define virGetLastError ks_virt->virGetLastError
#define virGetLastErrorMessage ks_virt->virGetLastErrorMessage
#define virInitialize ks_virt->virInitialize
#define virNetworkCreate ks_virt->virNetworkCreate
#define virNetworkDHCPLeaseFree ks_virt->virNetworkDHCPLeaseFree
#define virNetworkDefineXML ks_virt->virNetworkDefineXML
#define virNetworkDefineXMLFlags ks_virt->virNetworkDefineXMLFlags
#define virNetworkDestroy ks_virt->virNetworkDestroy
#define virNetworkFree ks_virt->virNetworkFree
#define virNetworkGetAutostart ks_virt->virNetworkGetAutostart
#define virNetworkGetBridgeName ks_virt->virNetworkGetBridgeName
#define virNetworkGetDHCPLeases ks_virt->virNetworkGetDHCPLeases
#define virNetworkGetName ks_virt->virNetworkGetName
#define virNetworkGetUUIDString ks_virt->virNetworkGetUUIDString
#define virNetworkGetXMLDesc ks_virt->virNetworkGetXMLDesc
#define virNetworkIsActive ks_virt->virNetworkIsActive
#define virNetworkIsPersistent ks_virt->virNetworkIsPersistent
#define virNetworkListAllPorts ks_virt->virNetworkListAllPorts
#define virNetworkLookupByName ks_virt->virNetworkLookupByName
#define virNetworkPortFree ks_virt->virNetworkPortFree
#define virNetworkPortGetXMLDesc ks_virt->virNetworkPortGetXMLDesc
#define virNetworkSetAutostart ks_virt->virNetworkSetAutostart
#define virNetworkUndefine ks_virt->virNetworkUndefine
#define virNetworkUpdate ks_virt->virNetworkUpdate
#define virSecretDefineXML ks_virt->virSecretDefineXML
#define virSecretFree ks_virt->virSecretFree
#define virSecretGetUUIDString ks_virt->virSecretGetUUIDString
#define virSecretGetUsageID ks_virt->virSecretGetUsageID
#define virSecretGetValue ks_virt->virSecretGetValue
#define virSecretGetXMLDesc ks_virt->virSecretGetXMLDesc
#define virSecretLookupByUUIDString ks_virt->virSecretLookupByUUIDString
#define virSecretSetValue ks_virt->virSecretSetValue
#define virSecretUndefine ks_virt->virSecretUndefine
#define virSetErrorFunc ks_virt->virSetErrorFunc
#define virStoragePoolBuild ks_virt->virStoragePoolBuild
#define virStoragePoolCreate ks_virt->virStoragePoolCreate
#define virStoragePoolDefineXML ks_virt->virStoragePoolDefineXML
#define virStoragePoolDestroy ks_virt->virStoragePoolDestroy
#define virStoragePoolFree ks_virt->virStoragePoolFree
#define virStoragePoolGetAutostart ks_virt->virStoragePoolGetAutostart
#define virStoragePoolGetName ks_virt->virStoragePoolGetName
#define virStoragePoolGetXMLDesc ks_virt->virStoragePoolGetXMLDesc
#define virStoragePoolIsActive ks_virt->virStoragePoolIsActive
#define virStoragePoolIsPersistent ks_virt->virStoragePoolIsPersistent
#define virStoragePoolListAllVolumes ks_virt->virStoragePoolListAllVolumes
#define virStoragePoolLookupByName ks_virt->virStoragePoolLookupByName
#define virStoragePoolRefresh ks_virt->virStoragePoolRefresh
#define virStoragePoolSetAutostart ks_virt->virStoragePoolSetAutostart
#define virStoragePoolUndefine ks_virt->virStoragePoolUndefine
#define virStorageVolCreateXML ks_virt->virStorageVolCreateXML
#define virStorageVolCreateXMLFrom ks_virt->virStorageVolCreateXMLFrom
#define virStorageVolDelete ks_virt->virStorageVolDelete
#define virStorageVolFree ks_virt->virStorageVolFree
#define virStorageVolGetInfo ks_virt->virStorageVolGetInfo
#define virStorageVolGetName ks_virt->virStorageVolGetName
#define virStorageVolGetPath ks_virt->virStorageVolGetPath
#define virStorageVolGetXMLDesc ks_virt->virStorageVolGetXMLDesc
#define virStorageVolLookupByName ks_virt->virStorageVolLookupByName
#define virStorageVolLookupByPath ks_virt->virStorageVolLookupByPath
#define virStorageVolResize ks_virt->virStorageVolResize
#define virStorageVolUpload ks_virt->virStorageVolUpload
#define virStorageVolWipe ks_virt->virStorageVolWipe
#define virStreamAbort ks_virt->virStreamAbort
#define virStreamFinish ks_virt->virStreamFinish
#define virStreamFree ks_virt->virStreamFree
#define virStreamNew ks_virt->virStreamNew
#define virStreamSend ks_virt->virStreamSend
#define virTypedParamsAddString ks_virt->virTypedParamsAddString
#define virTypedParamsAddULLong ks_virt->virTypedParamsAddULLong
#define virTypedParamsFree ks_virt->virTypedParamsFree
#endif
