//! The data sets of the catalogue, with the checksums of their files.
//!
//! Checksums come from files that match the MD5 sums of others. For MNIST and Fashion-MNIST their
//! authors or torchvision publish those sums. For KMNIST and CIFAR, TensorFlow Datasets,
//! torchvision's Ruby port and Julia's MLDatasets agree on them. The authors of CIFAR publish the
//! MD5 sums too.

use super::entry::{BuiltIn, CatalogueFile, Entry, Format, Origin};
use crate::data::format::cifar::Cifar;

const NUMBERED: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

const CLOTHES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

const HIRAGANA: [&str; 10] = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"];

const CIFAR_10: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

const CIFAR_100: [&str; 100] = [
    "apple",
    "aquarium_fish",
    "baby",
    "bear",
    "beaver",
    "bed",
    "bee",
    "beetle",
    "bicycle",
    "bottle",
    "bowl",
    "boy",
    "bridge",
    "bus",
    "butterfly",
    "camel",
    "can",
    "castle",
    "caterpillar",
    "cattle",
    "chair",
    "chimpanzee",
    "clock",
    "cloud",
    "cockroach",
    "couch",
    "crab",
    "crocodile",
    "cup",
    "dinosaur",
    "dolphin",
    "elephant",
    "flatfish",
    "forest",
    "fox",
    "girl",
    "hamster",
    "house",
    "kangaroo",
    "keyboard",
    "lamp",
    "lawn_mower",
    "leopard",
    "lion",
    "lizard",
    "lobster",
    "man",
    "maple_tree",
    "motorcycle",
    "mountain",
    "mouse",
    "mushroom",
    "oak_tree",
    "orange",
    "orchid",
    "otter",
    "palm_tree",
    "pear",
    "pickup_truck",
    "pine_tree",
    "plain",
    "plate",
    "poppy",
    "porcupine",
    "possum",
    "rabbit",
    "raccoon",
    "ray",
    "road",
    "rocket",
    "rose",
    "sea",
    "seal",
    "shark",
    "shrew",
    "skunk",
    "skyscraper",
    "snail",
    "snake",
    "spider",
    "squirrel",
    "streetcar",
    "sunflower",
    "sweet_pepper",
    "table",
    "tank",
    "telephone",
    "television",
    "tiger",
    "tractor",
    "train",
    "trout",
    "tulip",
    "turtle",
    "wardrobe",
    "whale",
    "willow_tree",
    "wolf",
    "woman",
    "worm",
];

const MNIST_FILES: [CatalogueFile; 4] = [
    CatalogueFile {
        name: "train-images-idx3-ubyte.gz",
        bytes: 9_912_422,
        sha256: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        unpacked_sha256: Some("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    },
    CatalogueFile {
        name: "train-labels-idx1-ubyte.gz",
        bytes: 28_881,
        sha256: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        unpacked_sha256: Some("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    },
    CatalogueFile {
        name: "t10k-images-idx3-ubyte.gz",
        bytes: 1_648_877,
        sha256: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        unpacked_sha256: Some("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    },
    CatalogueFile {
        name: "t10k-labels-idx1-ubyte.gz",
        bytes: 4_542,
        sha256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        unpacked_sha256: Some("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    },
];

const FASHION_FILES: [CatalogueFile; 4] = [
    CatalogueFile {
        name: "train-images-idx3-ubyte.gz",
        bytes: 26_421_880,
        sha256: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        unpacked_sha256: Some("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
    },
    CatalogueFile {
        name: "train-labels-idx1-ubyte.gz",
        bytes: 29_515,
        sha256: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        unpacked_sha256: Some("bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
    },
    CatalogueFile {
        name: "t10k-images-idx3-ubyte.gz",
        bytes: 4_422_102,
        sha256: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        unpacked_sha256: Some("5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
    },
    CatalogueFile {
        name: "t10k-labels-idx1-ubyte.gz",
        bytes: 5_148,
        sha256: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        unpacked_sha256: Some("0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
    },
];

const KMNIST_FILES: [CatalogueFile; 4] = [
    CatalogueFile {
        name: "train-images-idx3-ubyte.gz",
        bytes: 18_165_135,
        sha256: "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
        unpacked_sha256: None,
    },
    CatalogueFile {
        name: "train-labels-idx1-ubyte.gz",
        bytes: 29_497,
        sha256: "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
        unpacked_sha256: None,
    },
    CatalogueFile {
        name: "t10k-images-idx3-ubyte.gz",
        bytes: 3_041_136,
        sha256: "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
        unpacked_sha256: None,
    },
    CatalogueFile {
        name: "t10k-labels-idx1-ubyte.gz",
        bytes: 5_120,
        sha256: "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        unpacked_sha256: None,
    },
];

const CIFAR_10_FILES: [CatalogueFile; 1] = [CatalogueFile {
    name: "cifar-10-binary.tar.gz",
    bytes: 170_052_171,
    sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    unpacked_sha256: None,
}];

const CIFAR_100_FILES: [CatalogueFile; 1] = [CatalogueFile {
    name: "cifar-100-binary.tar.gz",
    bytes: 168_513_733,
    sha256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    unpacked_sha256: None,
}];

/// The entries, in the order in which they are listed.
pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: "digits",
        description: "handwritten digits of 8x8 blocks with 0 to 16 dark pixels each",
        classes: &NUMBERED,
        shape: [8, 8, 1],
        train_samples: 1_438,
        test_samples: 359,
        licence: "CC BY 4.0 (UCI); as packed by scikit-learn, BSD-3-Clause",
        citation: "E. Alpaydin, C. Kaynak. Optical Recognition of Handwritten Digits. UCI Machine Learning \
             Repository, 1998",
        origin: Origin::BuiltIn(BuiltIn::Digits),
    },
    Entry {
        name: "iris",
        description: "irises of three species by the lengths of their leaves",
        classes: &["setosa", "versicolor", "virginica"],
        shape: [1, 1, 4],
        train_samples: 120,
        test_samples: 30,
        licence: "CC BY 4.0 (UCI)",
        citation: "R. A. Fisher. The use of multiple measurements in taxonomic problems. Annals of Eugenics \
             7(2), 1936",
        origin: Origin::BuiltIn(BuiltIn::Iris),
    },
    Entry {
        name: "winequality",
        description: "red wines by eleven chemical properties, graded by tasters",
        classes: &["3", "4", "5", "6", "7", "8"],
        shape: [1, 1, 11],
        train_samples: 1_279,
        test_samples: 320,
        licence: "CC BY 4.0 (UCI)",
        citation: "P. Cortez, A. Cerdeira, F. Almeida, T. Matos, J. Reis. Modeling wine preferences by data \
             mining from physicochemical properties. Decision Support Systems 47(4), 2009",
        origin: Origin::BuiltIn(BuiltIn::Winequality),
    },
    Entry {
        name: "yinyang",
        description: "points of the Yin-Yang sign, generated",
        classes: &["yin", "yang", "dot"],
        shape: [1, 1, 4],
        train_samples: 5_000,
        test_samples: 1_000,
        licence: "generated here",
        citation: "L. Kriener, J. Göltz, M. A. Petrovici. The Yin-Yang dataset. arXiv:2102.08211, 2021",
        origin: Origin::BuiltIn(BuiltIn::Yinyang),
    },
    Entry {
        name: "mnist",
        description: "handwritten digits",
        classes: &NUMBERED,
        shape: [28, 28, 1],
        train_samples: 60_000,
        test_samples: 10_000,
        licence: "commonly given as CC BY-SA 3.0",
        citation: "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner. Gradient-based learning applied to document \
             recognition. Proceedings of the IEEE 86(11), 1998",
        origin: Origin::Files {
            format: Format::Idx,
            files: &MNIST_FILES,
            mirrors: &[
                "https://storage.googleapis.com/cvdf-datasets/mnist",
                "https://ossci-datasets.s3.amazonaws.com/mnist",
                "http://yann.lecun.com/exdb/mnist",
            ],
        },
    },
    Entry {
        name: "fashion-mnist",
        description: "photographs of clothes",
        classes: &CLOTHES,
        shape: [28, 28, 1],
        train_samples: 60_000,
        test_samples: 10_000,
        licence: "MIT (Zalando SE)",
        citation: "H. Xiao, K. Rasul, R. Vollgraf. Fashion-MNIST: a Novel Image Dataset for Benchmarking \
             Machine Learning Algorithms. arXiv:1708.07747, 2017",
        origin: Origin::Files {
            format: Format::Idx,
            files: &FASHION_FILES,
            mirrors: &[
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            ],
        },
    },
    Entry {
        name: "kmnist",
        description: "cursive hiragana of old Japanese books",
        classes: &HIRAGANA,
        shape: [28, 28, 1],
        train_samples: 60_000,
        test_samples: 10_000,
        licence: "CC BY-SA 4.0 (ROIS-DS Center for Open Data in the Humanities)",
        citation: "T. Clanuwat, M. Bober-Irizar, A. Kitamoto, A. Lamb, K. Yamamoto, D. Ha. Deep Learning for \
             Classical Japanese Literature. arXiv:1812.01718, 2018",
        origin: Origin::Files {
            format: Format::Idx,
            files: &KMNIST_FILES,
            mirrors: &[
                "https://codh.rois.ac.jp/kmnist/dataset/kmnist",
                "http://codh.rois.ac.jp/kmnist/dataset/kmnist",
            ],
        },
    },
    Entry {
        name: "cifar10",
        description: "colour photographs of ten kinds of things and animals",
        classes: &CIFAR_10,
        shape: [32, 32, 3],
        train_samples: 50_000,
        test_samples: 10_000,
        licence: "none stated; the author asks to be cited",
        citation: "A. Krizhevsky. Learning Multiple Layers of Features from Tiny Images. Technical report, \
             University of Toronto, 2009",
        origin: Origin::Files {
            format: Format::Cifar(Cifar::Ten),
            files: &CIFAR_10_FILES,
            mirrors: &[
                "https://www.cs.toronto.edu/~kriz",
                "https://cave.cs.toronto.edu/kriz",
                "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets",
            ],
        },
    },
    Entry {
        name: "cifar100",
        description: "colour photographs of a hundred kinds of things and animals",
        classes: &CIFAR_100,
        shape: [32, 32, 3],
        train_samples: 50_000,
        test_samples: 10_000,
        licence: "none stated; the author asks to be cited",
        citation: "A. Krizhevsky. Learning Multiple Layers of Features from Tiny Images. Technical report, \
             University of Toronto, 2009",
        origin: Origin::Files {
            format: Format::Cifar(Cifar::Hundred),
            files: &CIFAR_100_FILES,
            mirrors: &[
                "https://www.cs.toronto.edu/~kriz",
                "https://cave.cs.toronto.edu/kriz",
                "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets",
            ],
        },
    },
];
