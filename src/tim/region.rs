//! Where an app's data centre answers.

use std::str::FromStr;

/// A data centre. An app belongs to one; the others answer 70016 or 70020.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// As in the setting `--region`.
    pub name: &'static str,
    /// The host of its REST API.
    pub host: &'static str,
}

/// All regions. Hosts are *documented* (cloud.tencent.com/document/product/269/1650; Riyadh: trtc.io/document/49471;
/// Mumbai is in the lists of 2022 and 2023 and gone from the newest).
pub const REGIONS: [Region; 9] = [
    Region { name: "china", host: "console.tim.qq.com" },
    Region { name: "singapore", host: "adminapisgp.im.qcloud.com" },
    Region { name: "seoul", host: "adminapikr.im.qcloud.com" },
    Region { name: "tokyo", host: "adminapijpn.im.qcloud.com" },
    Region { name: "frankfurt", host: "adminapiger.im.qcloud.com" },
    Region { name: "silicon-valley", host: "adminapiusa.im.qcloud.com" },
    Region { name: "jakarta", host: "adminapiidn.im.qcloud.com" },
    Region { name: "riyadh", host: "adminapiksa.im.qcloud.com" },
    Region { name: "mumbai", host: "adminapiind.im.qcloud.com" },
];

/// A text that names no [`Region`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a region: write one of {names}", names = REGIONS.map(|region| region.name).join(", "))]
pub struct RegionError(String);

impl FromStr for Region {
    type Err = RegionError;

    fn from_str(text: &str) -> Result<Region, RegionError> {
        let named = |region: &Region| region.name.eq_ignore_ascii_case(text.trim());
        REGIONS.into_iter().find(named).ok_or_else(|| RegionError(text.to_owned()))
    }
}
