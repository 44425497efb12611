//! What people write. Nothing here was written by anybody to anybody.

/// Text of chats: Chinese, English, emoji of several code points, and the characters that break careless readers
/// (quotes, backslashes, line breaks, tabs, what looks like the end of an archive).
pub(super) const PHRASES: [&str; 48] = [
    "你好",
    "在吗？",
    "收到",
    "好的，谢谢！",
    "没问题👌",
    "明天几点开会？",
    "下午三点，老地方见。",
    "晚饭吃什么呀",
    "火锅🍲！",
    "我在路上了，堵车，大概还要二十分钟。",
    "哈哈哈哈哈哈",
    "😂😂😂",
    "辛苦了🙏",
    "订单已发货，请注意查收。",
    "这个价格还能再优惠一点吗？",
    "亲，已经是最低价了哦～",
    "生日快乐🎂🎉",
    "早上好☀️",
    "晚安🌙",
    "老师，今天的作业是第几页？",
    "第42页，第3题和第5题",
    "请大家把周报发到群里",
    "@所有人 今晚八点系统升级，约30分钟",
    "文件我发你邮箱了",
    "稍等，我看一下",
    "这个bug复现了吗？",
    "复现了，日志里有 `\"code\":60008`",
    "C:\\Users\\li\\桌面\\报表.xlsx",
    "第一行\n第二行\n第三行",
    "品名\t数量\t单价\n苹果\t3\t5.5",
    "他说“行”，我说'不行'，她说\"再看看\"",
    "if (a[0]) { return {b: [1]}}",
    "]}",
    "周末一起去爬山吗？⛰️",
    "去！👨‍👩‍👧‍👦 全家都去",
    "👍🏽",
    "🇨🇳🇯🇵🇰🇷",
    "𠮷野家的饭也不错",
    "ok",
    "On my way",
    "See you at 6!",
    "Could you send me the invoice again?",
    "Thanks, that works for me.",
    "lol",
    "Let's sync tomorrow morning, 9:30 Beijing time",
    "https://shop.example/item?id=10086&from=im",
    "¥128.00",
    " ",
];

/// Names of files that are sent, a device path among them as web and old clients leave them (*documented*).
pub(super) const FILE_NAMES: [&str; 8] = [
    "合同(最终版).docx",
    "报价单 2026.xlsx",
    "invoice-10086.pdf",
    "设计稿_v3.psd",
    "会议纪要.md",
    "photos.zip",
    "file:///storage/emulated/0/Download/说明书.pdf",
    "data\"quoted\".csv",
];

/// Places that are shared: description, latitude and longitude in degrees.
pub(super) const PLACES: [(&str, f64, f64); 6] = [
    ("北京市东城区天安门广场", 39.908722, 116.397499),
    ("上海市黄浦区外滩", 31.24, 121.49),
    ("深圳市南山区腾讯大厦", 22.540503, 113.934528),
    ("成都市锦江区春熙路", 30.657_42, 104.08),
    ("Wellington Station", -41.2789, 174.7805),
    ("0°", 0.0, 0.0),
];

/// What apps put into the `Data` of a custom element: JSON as text, plain words, and bytes that are no text.
pub(super) const CUSTOM_DATA: [&str; 7] = [
    r#"{"businessID":"order","orderId":"20261119-0042","amount":12800,"currency":"CNY"}"#,
    r#"{"businessID":"red_packet","greeting":"恭喜发财","count":5}"#,
    r#"{"type":"call","action":"hangup","duration":{"seconds":73},"members":["a","b"]}"#,
    r#"{"cmd":"typing","v":1.50,"big":12345678901234567890}"#,
    "group_create",
    "\u{0}\u{1}\u{7}\u{1b}binary\u{1f}",
    "",
];

/// What apps put into `CloudCustomData`.
pub(super) const CLOUD_DATA: [&str; 4] = [
    r#"{"messageReply":{"messageID":"144115-1700000000-88","messageAbstract":"好的","version":"1"}}"#,
    r#"{"lang":"zh-CN","trace":"c0ffee"}"#,
    r#"{"read_receipt":true}"#,
    "v2",
];

/// What faces carry: a name, nothing, or control characters (*documented*: the sample holds `\u0000\u0001`).
pub(super) const FACE_DATA: [&str; 5] = ["tt00@2x", "微笑", "", "abc\u{0}\u{1}", "\u{8}\u{c}\u{1f}x"];
