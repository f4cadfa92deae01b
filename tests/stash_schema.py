"""What this project's queries touch of two public GraphQL schemas, Stash's and stash-box's.

Types, fields and arguments are named and typed as there, so that the test servers refuse what the real ones
refuse.
"""

from __future__ import annotations

COMMON = """
enum SortDirectionEnum { ASC DESC }
enum CriterionModifier { EQUALS NOT_EQUALS INCLUDES EXCLUDES INCLUDES_ALL IS_NULL NOT_NULL }
"""

STASH = (
    COMMON
    + """
enum GenderEnum { MALE FEMALE TRANSGENDER_MALE TRANSGENDER_FEMALE INTERSEX NON_BINARY }
enum BulkUpdateIdMode { SET ADD REMOVE }
scalar Time

type StashID { endpoint: String! stash_id: String! }
input StashIDInput { endpoint: String! stash_id: String! }
type StashBox { endpoint: String! api_key: String! name: String! }

type Performer {
  id: ID!
  name: String!
  disambiguation: String
  urls: [String!]
  gender: GenderEnum
  birthdate: String
  country: String
  height_cm: Int
  alias_list: [String!]!
  favorite: Boolean!
  image_path: String
  stash_ids: [StashID!]!
}

type VideoFile { id: ID! path: String! width: Int! height: Int! duration: Float! }
type ScenePathsType { screenshot: String preview: String stream: String vtt: String sprite: String }
type Scene {
  id: ID!
  title: String
  date: String
  organized: Boolean!
  files: [VideoFile!]!
  paths: ScenePathsType!
  performers: [Performer!]!
  stash_ids: [StashID!]!
}

type ImagePathsType { thumbnail: String preview: String image: String }
type Image { id: ID! title: String paths: ImagePathsType! performers: [Performer!]! }
type Gallery { id: ID! title: String image_count: Int! performers: [Performer!]! }

type FindScenesResultType { count: Int! duration: Float! filesize: Float! scenes: [Scene!]! }
type FindImagesResultType { count: Int! megapixels: Float! filesize: Float! images: [Image!]! }
type FindPerformersResultType { count: Int! performers: [Performer!]! }

input FindFilterType { q: String page: Int per_page: Int sort: String direction: SortDirectionEnum }
input MultiCriterionInput { value: [ID!] modifier: CriterionModifier! excludes: [ID!] }
input StashIDCriterionInput { endpoint: String stash_id: String modifier: CriterionModifier! }
input PerformerFilterType { stash_id_endpoint: StashIDCriterionInput }
input ImageFilterType { galleries: MultiCriterionInput }
input SceneFilterType { performers: MultiCriterionInput }

type ConfigGeneralResult { stashBoxes: [StashBox!]! }
type ConfigResult { general: ConfigGeneralResult! }
type Version { version: String hash: String! build_time: String! }

type Query {
  findScene(id: ID, checksum: String): Scene
  findScenes(scene_filter: SceneFilterType, scene_ids: [Int!], filter: FindFilterType): FindScenesResultType!
  findImage(id: ID, checksum: String): Image
  findImages(image_filter: ImageFilterType, image_ids: [Int!], filter: FindFilterType): FindImagesResultType!
  findGallery(id: ID!): Gallery
  findPerformer(id: ID!): Performer
  findPerformers(
    performer_filter: PerformerFilterType, filter: FindFilterType, performer_ids: [Int!]
  ): FindPerformersResultType!
  configuration: ConfigResult!
  version: Version!
}

input PerformerCreateInput {
  name: String!
  disambiguation: String
  url: String
  URLS
  gender: GenderEnum
  birthdate: String
  death_date: String
  ethnicity: String
  country: String
  eye_color: String
  hair_color: String
  height_cm: Int
  measurements: String
  fake_tits: String
  career_length: String
  tattoos: String
  piercings: String
  alias_list: [String!]
  image: String
  details: String
  stash_ids: [StashIDInput!]
}
input PerformerUpdateInput { id: ID! name: String stash_ids: [StashIDInput!] }
input BulkUpdateIds { ids: [ID!] mode: BulkUpdateIdMode! }
input BulkSceneUpdateInput { ids: [ID!] performer_ids: BulkUpdateIds }
input BulkImageUpdateInput { ids: [ID!] performer_ids: BulkUpdateIds }
input BulkGalleryUpdateInput { ids: [ID!] performer_ids: BulkUpdateIds }

type Mutation {
  performerCreate(input: PerformerCreateInput!): Performer
  performerUpdate(input: PerformerUpdateInput!): Performer
  bulkSceneUpdate(input: BulkSceneUpdateInput!): [Scene!]
  bulkImageUpdate(input: BulkImageUpdateInput!): [Image!]
  bulkGalleryUpdate(input: BulkGalleryUpdateInput!): [Gallery!]
}
"""
)

NEW_STASH = STASH.replace("URLS", "urls: [String!]")
OLD_STASH = STASH.replace("URLS\n", "")

STASH_BOX = """
enum GenderEnum { MALE FEMALE TRANSGENDER_MALE TRANSGENDER_FEMALE INTERSEX NON_BINARY }
enum BreastTypeEnum { NATURAL FAKE NA }
enum EthnicityEnum { CAUCASIAN BLACK ASIAN INDIAN LATIN MIDDLE_EASTERN MIXED OTHER }
enum EyeColorEnum { BLUE BROWN GREY GREEN HAZEL RED }
enum HairColorEnum { BLONDE BRUNETTE BLACK RED AUBURN GREY BALD VARIOUS WHITE OTHER }

type BodyModification { location: String! description: String }
type Site { id: ID! name: String! }
type URL { url: String! type: String! site: Site! }
type Image { id: ID! url: String! width: Int! height: Int! }

type Performer {
  id: ID!
  name: String!
  disambiguation: String
  aliases: [String!]!
  gender: GenderEnum
  urls: [URL!]!
  birth_date: String
  death_date: String
  age: Int
  ethnicity: EthnicityEnum
  country: String
  eye_color: EyeColorEnum
  hair_color: HairColorEnum
  height: Int
  cup_size: String
  band_size: Int
  waist_size: Int
  hip_size: Int
  breast_type: BreastTypeEnum
  career_start_year: Int
  career_end_year: Int
  tattoos: [BodyModification!]
  piercings: [BodyModification!]
  images: [Image!]!
  deleted: Boolean!
}

type Query { findPerformer(id: ID!): Performer }
"""
